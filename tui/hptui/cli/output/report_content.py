"""What a report on a study says, before it is laid out: sections of sentences, tables, figures."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.compare.comparison import ComparedStudy, compare
from hptui.analysis.number_styles import style_of
from hptui.analysis.objectives.front import build_front
from hptui.analysis.objectives.hypervolume import worst_values
from hptui.analysis.stopping.advice import build_advice
from hptui.analysis.stopping.advice_text import advice_sentences, front_sentences
from hptui.analysis.stopping.front_advice import build_front_advice
from hptui.cli.commands.reading.failures import failure_groups, trials_text
from hptui.cli.output.study_text import counts_text, edit_text, objective_text, run_text
from hptui.domain.spaces.choices import show_choice
from hptui.domain.spaces.space import describe, kind_of
from hptui.domain.study_ref import StudyRef
from hptui.domain.texts.readable import plural, show_duration, show_moment, show_size
from hptui.domain.texts.text_table import Column, TextTable
from hptui.engine.ipc.client import running_engine
from hptui.errors import UsageError
from hptui.figures.importance import importance_of
from hptui.figures.kinds import KINDS
from hptui.figures.request import FigureRequest
from hptui.storage.read.stored_spaces import read_latest_spaces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.analysis.compare.comparison import StudyResult
    from hptui.cli.output.read_plotted import ReadStudy
    from hptui.domain.texts.number_column import NumberStyle
    from hptui.figures.request import TitledFigure
    from hptui.trials import ParamColumn

_MAX_FRONT: Final = 50
_MAX_CAUSES: Final = 20
_MAX_SLICES: Final = 4
_SLICES_HEIGHT: Final = 26
"""Two rows of small charts."""


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """A part of a report; no text in it is sanitised."""

    title: str
    sentences: tuple[str, ...] = ()
    tables: tuple[TextTable, ...] = ()
    figures: tuple[TitledFigure, ...] = ()
    preformatted: str = ""
    """Text in lines of its own."""
    height: int = 18
    """Of a figure, in lines."""


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """A report on one study."""

    title: str
    about: str
    """When it was made, and of which file."""
    facts: tuple[tuple[str, str], ...]
    """Labels and texts."""
    sections: tuple[Section, ...] = field(default=())


def build_report(study: ReadStudy, filter_text: str | None) -> Report:
    """Return the report on a study, or on those of its trials that a filter means."""
    detail = study.detail
    now = show_moment(time.time())
    objectives = range(len(study.trials.directions))
    last = detail.runs[-1] if detail.runs else None
    sampler, pruner = (last.sampler, last.pruner) if last else ("", "")
    compared = [ComparedStudy(study.name, study.trials, sampler, pruner)]
    results = [compare(compared, objective).results[0] for objective in objectives]
    return Report(
        study.name,
        f"{now}, {study.path} ({show_size(detail.summary.size_bytes)})",
        tuple(_facts(study, results[0], filter_text)),
        tuple(_sections(study, results, filter_text)),
    )


def _facts(
    study: ReadStudy, result: StudyResult, filter_text: str | None
) -> Iterator[tuple[str, str]]:
    detail, trials = study.detail, study.trials
    goals = [
        f"{direction} {study.value_name(at)}" for at, direction in enumerate(trials.directions)
    ]
    is_running = running_engine(study.path, study.name) is not None
    last = detail.runs[-1] if detail.runs else None
    facts = [
        ("objective", objective_text(detail)),
        ("goal", ", ".join(goals)),
        ("state", "running" if is_running else "not running"),
        ("trials", counts_text(result.counts)),
        ("only those", filter_text or ""),
        ("best", _bests(study)),
        ("time", f"{show_duration(result.spent.wall_s)} of wall-clock time while trials ran"),
        ("all trials", show_duration(result.spent.trials_s)),
        ("first start", show_moment(_first(trials.starts_s))),
        ("last active", show_moment(detail.summary.last_activity_s)),
        ("runs", f"{len(detail.runs):,}" if len(detail.runs) > 1 else ""),
        ("last run", run_text(last) if last is not None else ""),
        ("why", last.error if last is not None else ""),
        ("warnings", " ".join(last.notes) if last is not None else ""),
        ("tags", ", ".join(detail.summary.tags)),
    ]
    yield from ((label, text) for label, text in facts if text)


def _first(starts_s: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float | None:
    known = starts_s[np.isfinite(starts_s)]
    return float(known.min()) if len(known) else None


def _bests(study: ReadStudy) -> str:
    if len(study.trials.directions) > 1:
        count = int(build_front(study.trials, (0,)).on_front.sum())
        return f"{plural(count, 'trial')} on the Pareto front"
    best = compare([ComparedStudy(study.name, study.trials)]).results[0].best
    return (
        "no feasible trial is complete yet" if best is None else f"{best.value!r}, #{best.number}"
    )


def _sections(
    study: ReadStudy, results: list[StudyResult], filter_text: str | None
) -> Iterator[Section]:
    several = len(results) > 1
    request = FigureRequest((study,))
    if study.detail.note.body:
        yield Section("Note", preformatted=study.detail.note.body)
    yield _front_section(study) if several else _best_section(results[0])
    yield Section("Is it worth going on?", _advised(study, len(results)))
    yield Section("History", figures=tuple(KINDS["history"].figures(request)))
    if several:
        kinds = (KINDS["pareto"], KINDS["hypervolume"])
        yield Section(
            "Front", figures=tuple(each for kind in kinds for each in kind.figures(request))
        )
    yield from _param_sections(study, len(results))
    yield Section("Timeline", figures=tuple(KINDS["timeline"].figures(request)))
    yield _failures_section(study, filter_text)
    yield _space_section(study)


def _advised(study: ReadStudy, n_objectives: int) -> tuple[str, ...]:
    """Return advice on the objective; of several on the front first, then on each."""
    told = [advice_sentences(build_advice(study.trials, at)) for at in range(n_objectives)]
    if n_objectives == 1:
        return told[0]
    front = front_sentences(build_front_advice(study.trials, worst_values(study.trials)))
    named = [("The front", front), *((study.value_name(at), each) for at, each in enumerate(told))]
    return tuple(f"{name}: {each}" for name, sentences in named for each in sentences)


def _best_section(result: StudyResult) -> Section:
    best = result.best
    if best is None:
        return Section("Best trial", ("No feasible trial is complete yet.",))
    rows = tuple((name, show_choice(value)) for name, value in best.params.items())
    table = TextTable(
        (Column("parameter"), Column("value", "right")), rows, f"parameters of trial {best.number}"
    )
    told = f"Trial {best.number} has the value {best.value!r}."
    return Section("Best trial", (told,), (table,) if rows else ())


def _front_section(study: ReadStudy) -> Section:
    trials = study.trials
    n_objectives = len(trials.directions)
    front = build_front(trials, range(n_objectives))
    front = front.where(front.on_front)
    if not len(front.numbers):
        return Section("Pareto front", ("No feasible trial is complete yet.",))
    order = np.lexsort((front.numbers, front.values[:, 0]))[:_MAX_FRONT]
    numbers: list[int] = front.numbers[order].tolist()
    at_rows = [int(np.flatnonzero(trials.numbers == number)[0]) for number in numbers]
    params = [
        (name, param)
        for name, param in trials.params.items()
        if any(param.has(row) for row in at_rows)
    ]
    values = [style_of(trials.values[at_rows, at]) for at in range(n_objectives)]
    styles = [style_of(param.values[at_rows]) for _, param in params]
    columns = (
        Column("trial", "right"),
        *(Column(study.value_name(at), "right") for at in range(n_objectives)),
        *(Column(name, "right") for name, _ in params),
    )
    rows = tuple(
        (
            f"#{number}",
            *(style.show(float(trials.values[row, at])) for at, style in enumerate(values)),
            *(_shown(param, row, style) for (_, param), style in zip(params, styles, strict=True)),
        )
        for number, row in zip(numbers, at_rows, strict=True)
    )
    left = len(front.numbers) - len(rows)
    sentences = (
        (f"These are the first {len(rows)}; {left:,} more are on the front.",) if left else ()
    )
    return Section(
        "Pareto front", sentences, (TextTable(columns, rows, "trials that no other one beats"),)
    )


def _shown(param: ParamColumn, row: int, style: NumberStyle) -> str:
    if not param.has(row):
        return ""
    value = param.value_at(row)
    return style.show(value) if isinstance(value, float) else show_choice(value)


def _param_sections(study: ReadStudy, n_objectives: int) -> Iterator[Section]:
    figures: list[TitledFigure] = []
    slices: list[TitledFigure] = []
    troubles: list[str] = []
    for objective in range(n_objectives):
        request = FigureRequest((study,), objective=objective)
        try:
            shares = dict(importance_of(request, objective).shares)
        except UsageError as error:
            troubles.append(error.message)
            shares = {}
        if shares:
            figures.extend(KINDS["importance"].figures(request))
        most = tuple(sorted(shares, key=lambda name: -shares[name])[:_MAX_SLICES])
        slices.extend(
            KINDS["slice"].figures(FigureRequest((study,), objective=objective, params=most))
        )
    if not figures and not troubles:
        troubles.append("There are too few complete trials to judge parameters.")
    yield Section("Which parameters matter", tuple(dict.fromkeys(troubles)), figures=tuple(figures))
    yield Section("The value by parameter", figures=tuple(slices), height=_SLICES_HEIGHT)


def _failures_section(study: ReadStudy, filter_text: str | None) -> Section:
    groups = failure_groups(StudyRef(study.path, study.name), filter_text)
    if not groups:
        return Section("Failures", ("No trial has failed.",))
    rows = tuple(
        (f"{group.count:,}", group.cause.summary, trials_text(group))
        for group in groups[:_MAX_CAUSES]
    )
    left = sum(group.count for group in groups[_MAX_CAUSES:])
    return Section(
        "Failures",
        (f"{left:,} more failed for other causes.",) if left else (),
        (
            TextTable(
                (Column("failed", "right"), Column("cause"), Column("trials")), rows, "by cause"
            ),
        ),
    )


def _space_section(study: ReadStudy) -> Section:
    spaces = read_latest_spaces(study.path, study.name)
    edits = study.detail.edits
    if not spaces:
        return Section("Search space", ("No trial has a parameter yet.",))
    rows = tuple(
        (name, kind_of(spec), describe(spec), edit_text(edits[name]) if name in edits else "")
        for name, spec in spaces.items()
    )
    columns = (Column("parameter"), Column("kind"), Column("range"), Column("edited"))
    if not any(row[-1] for row in rows):
        columns, rows = columns[:-1], tuple(row[:-1] for row in rows)
    return Section("Search space", (), (TextTable(columns, rows, "of the newest trials"),))

"""Optuna's own interactive figures of the trials that were asked for."""

from __future__ import annotations

import contextlib
import html
import io
import math
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import optuna
from optuna.terminator import BaseImprovementEvaluator

from hptui.analysis.evaluators import EVALUATORS
from hptui.analysis.stopping.advice import build_advice, regret_history
from hptui.analysis.stopping.advice_text import advice_sentences
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.engine.importance.evaluate import judge_of
from hptui.engine.sampling.to_optuna import to_optuna_study
from hptui.errors import UsageError
from hptui.figures.hypervolume import chosen_reference
from hptui.figures.params import chosen_params
from hptui.figures.pareto import chosen_axes
from hptui.storage.read.study_reports import read_reports
from hptui.storage.read.user_attributes import read_user_attributes
from hptui.trials import complete_rows, finite_rows

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from optuna import Study
    from optuna.study import StudyDirection
    from optuna.trial import FrozenTrial

    from hptui.figures.kinds import PageKind
    from hptui.figures.request import FigureRequest, PlottedStudy
    from hptui.trials import IntArray, Trials


_PAIR: Final = 2
_MAX_IN_PAIRS: Final = 5
_MAX_ATTRIBUTE_CHARS: Final = 10_000_000
"""Of the user attributes in one page."""
_LOG_AXES: Final = {
    "history": ("y",),
    "edf": ("x",),
    "pareto": ("x", "y"),
    "slice": ("y",),
    "intermediate": ("y",),
    "advice": ("y",),
}
"""On which axes of a figure the values are."""


@dataclass(frozen=True, slots=True, eq=False)
class PageFigure:
    """A figure of Plotly's and the line above it, not escaped."""

    title: str
    figure: Any
    sentences: tuple[str, ...] = ()
    """What it means, and what was left out; not escaped."""


def _in_one_objective(trials: Trials, objective: int) -> Trials:
    """Return the trials as if their study had one objective: Optuna then draws the best so far."""
    return replace(
        trials,
        values=trials.values[:, [objective]],
        directions=(trials.directions[objective],),
    )


def page_figures(kind: PageKind, request: FigureRequest) -> list[PageFigure]:
    """Return Optuna's figures: one, or one for each objective.

    Raises:
        UsageError: The request asks for something that the study does not have, or there is nothing
            to draw.
        MissingExtraError: A package is missing that Optuna needs for it.
    """
    with _quietly():
        figures = list(_FIGURES.get(kind.name, _of_objectives)(kind, request))
    if request.is_log:
        for each in figures:
            for axis in _LOG_AXES[kind.name]:
                getattr(each.figure, f"update_{axis}axes")(type="log")
    return figures


@contextlib.contextmanager
def _quietly() -> Generator[None]:
    """Keep Optuna's warnings and progress bars to itself: they name what a study calls itself."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def _draw(kind: PageKind, *arguments: object, **options: object) -> Any:  # noqa: ANN401 - Plotly's
    try:
        return getattr(optuna.visualization, kind.function)(*arguments, **options)
    except (ArithmeticError, AssertionError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"Optuna's {kind.function} cannot draw these trials: "
            f"{type(error).__name__} {safe_line(error)}".rstrip(),
            hint="hptui plot draws in the terminal, and --filter chooses trials.",
        ) from error


def _of_objectives(kind: PageKind, request: FigureRequest) -> Iterator[PageFigure]:
    """Return the figures of kinds that are of one objective."""
    for objective in request.objectives():
        name = request.study.value_name(objective)
        for each in request.studies:
            _require_values(each, (objective,))
        shown, sentences = request.studies, ()
        options: dict[str, object] = {}
        if "params" in kind.options:
            names = _params(kind, request, objective)
            options["params"] = [html.escape(each) for each in names]
            if kind.name == "contour":
                study, sentences = within_cells(request.study, names, objective)
                shown = (study,)
        studies = [_as_optuna(each, objective) for each in shown]
        subject = studies if "others" in kind.options and len(studies) > 1 else studies[0]
        if kind.name == "importance":
            options["evaluator"] = _judge(request, objective)
        if kind.name == "history" and len(studies) > 1:
            options["error_bar"] = True
        own_numbers = _number_anew(studies) if kind.name == "history" else []
        figure = _draw(kind, subject, target_name=html.escape(name), **options)
        if own_numbers:
            for trace in figure.data:
                trace.x = [own_numbers[at] for at in trace.x]
        yield PageFigure(name, figure, sentences)


def _number_anew(studies: Sequence[Study]) -> list[int]:
    """Number trials from 0 without gaps, alike in all studies; return their numbers of before.

    Optuna's history takes a trial's number for its place among the trials, which it is not where a
    filter leaves some out.
    """
    trials = [each.get_trials(deepcopy=False) for each in studies]
    numbers = sorted({trial.number for each in trials for trial in each})
    place = {number: at for at, number in enumerate(numbers)}
    for each in trials:
        for trial in each:
            trial.number = place[trial.number]
    return numbers


def _params(kind: PageKind, request: FigureRequest, objective: int) -> list[str]:
    names = chosen_params(request, objective)
    if kind.name in ("contour", "rank"):
        names = names[:_MAX_IN_PAIRS] if request.params else names[:_PAIR]
        if len(names) < _PAIR:
            raise UsageError(
                f"A {kind.name} page needs two parameters, but there is only one.",
                hint="Give --param for each of them; slice shows one.",
            )
    if not names:
        raise UsageError(f"The complete trials of {_short(request.study)} have no parameters.")
    return list(names)


def _judge(request: FigureRequest, objective: int) -> object:
    """Return what judges importance, if it can do so with so many trials."""
    facts = EVALUATORS[request.evaluator]
    count = len(finite_rows(request.study.trials, (objective,)))
    if count > facts.most_trials:
        raise UsageError(
            f"{facts.title} takes too long with more than {facts.most_trials:,} trials, and this "
            f"study has {count:,}.",
            hint="Choose fewer with --filter, or omit --evaluator.",
        )
    return judge_of(request.evaluator)


def _of_parallel(kind: PageKind, request: FigureRequest) -> Iterator[PageFigure]:
    objectives = request.objectives()
    _require_values(request.study, objectives)
    params = [html.escape(each) for each in _params(kind, request, objectives[0])]
    if len(objectives) == 1:
        yield from _of_objectives(kind, request)
        return
    yield PageFigure("all objectives", _draw(kind, _as_optuna(request.study), params=params))


def _of_pareto(kind: PageKind, request: FigureRequest) -> Iterator[PageFigure]:
    study = request.study
    axes = chosen_axes(request.axes, len(study.trials.directions))
    _require_values(study, axes)
    names = [html.escape(study.value_name(axis)) for axis in axes]
    options: dict[str, object] = {}
    if axes != tuple(range(len(study.trials.directions))):
        options["targets"] = lambda trial: [trial.values[axis] for axis in axes]  # pyright: ignore[reportUnknownLambdaType, reportUnknownMemberType] - a FrozenTrial
    plain, sentences = _with_attributes(study)
    figure = _draw(kind, plain, target_names=names, **options)
    title = " by ".join(study.value_name(axis) for axis in reversed(axes))
    yield PageFigure(title, figure, sentences)


def _of_hypervolume(kind: PageKind, request: FigureRequest) -> Iterator[PageFigure]:
    reference = chosen_reference(request)
    _require_values(request.study, range(len(reference)))
    if not np.isfinite(reference).all():
        raise UsageError(
            f"No feasible trial of {_short(request.study)} has finite values, so there is no point "
            "to measure from.",
            hint="Give one with --reference.",
        )
    yield PageFigure("hypervolume", _draw(kind, _as_optuna(request.study), list(reference)))


def _of_timeline(kind: PageKind, request: FigureRequest) -> Iterator[PageFigure]:
    study = request.study
    if not np.isfinite(study.trials.starts_s).any():
        raise UsageError(f"No trial of {_short(study)} has started yet.")
    plain, sentences = _with_attributes(study)
    yield PageFigure("trials over time", _draw(kind, plain), sentences)


def _of_intermediate(kind: PageKind, request: FigureRequest) -> Iterator[PageFigure]:
    study = request.study
    reports = read_reports(study.path, study.name)
    plain = to_optuna_study(
        html.escape(study.name), study.trials, reports=reports, spell=html.escape
    )
    if not any(trial.intermediate_values for trial in plain.get_trials(deepcopy=False)):
        raise UsageError(
            f"No trial of {_short(study)} has reported an intermediate value.",
            hint="An objective reports with trial.report(value, step).",
        )
    yield PageFigure("intermediate values", _draw(kind, plain))


def _of_advice(kind: PageKind, request: FigureRequest) -> Iterator[PageFigure]:
    for objective in request.objectives():
        _require_values(request.study, (objective,))
        trials = request.study.trials
        sentences = advice_sentences(build_advice(trials, objective))
        left = regret_history(trials, objective)
        if not left:
            raise UsageError(
                " ".join((sentences[0], sentences[-1]) if len(sentences) > 1 else sentences),
                hint="hptui plot advice shows the trials with it.",
            )
        study = _as_optuna(request.study, objective)
        figure = _draw(kind, study, improvement_evaluator=_WhatIsLeft(left))
        # Moments between those that are told are gaps, of which Optuna makes the axis's end.
        figure.update_traces(connectgaps=True)
        figure.update_yaxes(range=None, autorange=True)
        yield PageFigure(
            f"how much {request.study.value_name(objective)} may still improve", figure, sentences
        )


class _WhatIsLeft(BaseImprovementEvaluator):
    """What hptui's own model says; Optuna's fits one of torch's after each single trial."""

    def __init__(self, left: Mapping[int, float]) -> None:
        self._left = left

    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:  # noqa: ARG002 - it is known
        return self._left.get(trials[-1].number, math.nan)


_FIGURES: Final = {
    "parallel": _of_parallel,
    "pareto": _of_pareto,
    "hypervolume": _of_hypervolume,
    "timeline": _of_timeline,
    "intermediate": _of_intermediate,
    "advice": _of_advice,
}
"""Kinds that are not of one objective each."""


def _as_optuna(study: PlottedStudy, objective: int | None = None) -> Study:
    trials = study.trials
    names = study.metric_names
    if objective is not None and len(trials.directions) > 1:
        trials = _in_one_objective(trials, objective)
        names = names and (names[objective],)
    return to_optuna_study(
        # Plotly reads a little HTML in all texts.
        html.escape(study.name),
        trials,
        metric_names=[html.escape(name) for name in names],
        spell=html.escape,
    )


def _with_attributes(study: PlottedStudy) -> tuple[Study, tuple[str, ...]]:
    """Return a study whose trials have their user attributes, which Optuna tells when pointed at.

    And what is to be said about those.
    """
    plain = _as_optuna(study)
    trials = study.trials
    ids: list[int] = trials.trial_ids.tolist()
    found = read_user_attributes(study.path, ids, most_chars=_MAX_ATTRIBUTE_CHARS)
    if found is None:
        return plain, (
            "User attributes are left out: with so many trials they do not fit into a page.",
        )
    id_of = dict(zip(trials.numbers.tolist(), ids, strict=True))
    for each in plain.get_trials(deepcopy=False):
        attributes = found.get(id_of[each.number])
        if attributes:
            each.user_attrs = {
                html.escape(key): _escaped(value) for key, value in attributes.items()
            }
    return plain, ()


def _escaped(value: object) -> object:
    """Return what JSON holds with all its texts escaped."""
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, list):
        return [_escaped(each) for each in cast("list[object]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {html.escape(key): _escaped(each) for key, each in items}
    return value


def _require_values(study: PlottedStudy, objectives: object) -> None:
    if not len(complete_rows(study.trials)):
        raise UsageError(
            f"No trial of {_short(study)} has completed yet; there is nothing to draw."
        )
    if not len(finite_rows(study.trials, list(cast("tuple[int, ...]", objectives)))):
        raise UsageError(f"No value of {_short(study)} is finite; there is nothing to draw.")


def _short(study: PlottedStudy) -> str:
    return safe_line(study.name, max_chars=60)


_MAX_CELLS: Final = 4_000_000
"""Optuna's contour has a cell for each pair of different values."""
_MOST_CHOSEN: Final = 1_000
"""Their cells are a quarter of these, some megabytes of a page."""


def within_cells(
    study: PlottedStudy, names: Sequence[str], objective: int
) -> tuple[PlottedStudy, tuple[str, ...]]:
    """Return a study that Optuna's contour has room for, and what is left out, as a sentence.

    Half of the trials are then the best ones, since there a contour is looked at closely, and the
    others stand at even distances among the rest.
    """
    trials = study.trials
    rows = complete_rows(trials)
    counts = sorted(len(np.unique(trials.params[name].values[rows])) for name in names)
    if counts[-1] * counts[-_PAIR] <= _MAX_CELLS:
        return study, ()
    chosen = trials.select(np.sort(_choose(study, rows, objective)))
    n_best = _MOST_CHOSEN // 2
    return replace(study, trials=chosen), (
        f"Optuna's contour draws a cell for each pair of values, here {counts[-1]:,} by "
        f"{counts[-_PAIR]:,}. It therefore shows {_MOST_CHOSEN:,} of "
        f"{plural(len(rows), 'complete trial')}: the best {n_best}, and others evenly spaced. "
        "hptui plot contour shows all.",
    )


def _choose(study: PlottedStudy, rows: IntArray, objective: int) -> IntArray:
    trials = study.trials
    values = trials.values[rows, objective]
    sign = 1.0 if trials.directions[objective] == "minimize" else -1.0
    # Feasible ones first.
    order = rows[np.lexsort((sign * values, ~trials.is_feasible[rows]))]
    best, rest = order[: _MOST_CHOSEN // 2], np.sort(order[_MOST_CHOSEN // 2 :])
    at = np.linspace(0, len(rest) - 1, _MOST_CHOSEN - len(best)).astype(np.int64)
    return np.concatenate([best, rest[at]])

"""A trial in text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.cli.output.detail_lines import (
    artifact_lines,
    attribute_lines,
    field_line,
    field_lines,
    note_lines,
)
from hptui.cli.output.table import Column, render_table
from hptui.cli.output.terminal import Terminal
from hptui.domain.attribute_keys import RUN_KEY
from hptui.domain.resources import show_memory
from hptui.domain.spaces.choices import show_choice
from hptui.domain.spaces.space import describe
from hptui.domain.texts.readable import by_count, four_digits, show_duration, show_moment
from hptui.domain.texts.text import safe_line, safe_text

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.storage.read.trial_detail import TrialDetail

_REPORTS_SHOWN = 10


def trial_text(trial: TrialDetail, log: Path | None) -> str:
    """Return the lines about a trial; `log` is the file with its output, where there is one."""
    state = trial.state.lower()
    if not trial.is_feasible:
        state += ", not feasible"
    values = "  ".join("none" if value is None else repr(value) for value in trial.values)
    ended = show_moment(trial.complete_s)
    if trial.duration_s is not None:
        ended += f" ({show_duration(trial.duration_s)})"
    constraints = [f"{key}: {value!r}" for key, value in trial.constraints.items()]
    lines = [
        f"{safe_line(trial.study_name)}   trial {trial.number}   {state}",
        field_line(by_count(len(trial.values), "value"), values),
        *_repeat_lines(trial),
        field_line("started", show_moment(trial.start_s)),
        field_line("ended", ended),
        field_line("place", "" if trial.place is None else str(trial.place)),
        field_line("memory", "" if trial.peak_memory is None else show_memory(trial.peak_memory)),
        *_param_lines(trial),
        *_report_lines(trial),
        *field_lines("constraints", constraints),
        field_line("tags", ", ".join(trial.tags)),
        *note_lines(trial.note),
        *artifact_lines(trial.artifacts),
        *attribute_lines(trial.user_attributes, "attributes"),
        *attribute_lines(trial.system_attributes.without(RUN_KEY), "system"),
        *_error_lines(trial),
        *_pruning_lines(trial),
        field_line("log", "" if log is None else str(log)),
        *field_lines("damaged", trial.damage),
    ]
    return "\n".join(line for line in lines if line)


def _repeat_lines(trial: TrialDetail) -> list[str]:
    """Return the spread of each objective's value over repetitions."""
    if trial.repeats is None:
        return []
    told = [trial.repeats.about(index) for index in range(len(trial.directions))]
    return field_lines("repeated", told)


def _param_lines(trial: TrialDetail) -> list[str]:
    if not trial.params:
        return []
    columns = (Column("parameter"), Column("value", "right"), Column("drawn from"))
    rows = [
        [
            param.name,
            show_choice(param.value, exact=True),
            "" if param.spec is None else describe(param.spec),
        ]
        for param in trial.params
    ]
    width = Terminal.of_stdout().table_width
    return [f"  {line}" for line in render_table(columns, rows, width=width and width - 2)]


def _report_lines(trial: TrialDetail) -> list[str]:
    if not trial.n_reports:
        return []
    shown = [f"{step}: {four_digits(value)}" for step, value in trial.reports[-_REPORTS_SHOWN:]]
    before = f"{trial.n_reports} in all, the last " if trial.n_reports > len(shown) else ""
    return [field_line("reports", f"{before}{', '.join(shown)}")]


def _error_lines(trial: TrialDetail) -> list[str]:
    error = trial.error
    if error is None:
        return []
    what = f"{error.type}: {error.message}" if error.type else error.message
    traceback = safe_text(error.traceback).splitlines()
    return [field_line("error", f"{what} ({error.kind})"), *(f"    {line}" for line in traceback)]


def _pruning_lines(trial: TrialDetail) -> list[str]:
    pruned = trial.pruned
    if pruned is None:
        return []
    return [field_line("pruned", pruned.text or f"by {pruned.by} at step {pruned.step}")]

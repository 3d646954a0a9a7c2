"""What a fork of a study keeps and what it leaves out, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from hptui.domain.spaces.choice_lists import pick_choices
from hptui.domain.spaces.edits import ParamEdit, Unset, apply_edit, unknown_parameter
from hptui.domain.spaces.param_edit import show
from hptui.domain.spaces.space import ChoiceParam, ParamSpec
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import OPEN_STATES
from hptui.errors import SpaceError, UsageError
from hptui.storage.transfer.param_fit import ParamFit, fit_param

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hptui.domain.objective import Direction
    from hptui.storage.read.study_reader import StudyReader
    from hptui.trials import IntArray

    BoolArray = npt.NDArray[np.bool_]

FILTERED_OUT: Final = "filtered out"
NOT_ENDED: Final = "not ended yet"
DAMAGED: Final = "damaged in the file"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkRequest:
    """In what a fork is to differ from its study."""

    edits: Mapping[str, ParamEdit] = field(default_factory=dict[str, ParamEdit])
    """Of the space as the study has it now; choices may be ones that it does not have."""
    directions: tuple[Direction, ...] | None = None
    """One for each objective of the fork; None for those of the study."""
    objectives: tuple[str, ...] | None = None
    """Which of the objectives in which order: names of metrics, or numbers from 0."""
    choose: Callable[[StudyReader], BoolArray] | None = None
    """Says which trials to keep; None for all."""


@dataclass(frozen=True, slots=True, eq=False)
class ForkPlan:
    """What comes of a request for the trials there are."""

    n_trials: int
    """How many the study has."""
    rows: IntArray
    """The rows of the trials that are kept, by number."""
    left_out: Mapping[str, int]
    """Why trials are left out, with how many for each reason; each trial counts once."""
    fits: tuple[ParamFit, ...]
    """The parameters whose space changes."""
    directions: tuple[Direction, ...]
    objectives: tuple[int, ...]
    """The former index of each objective of the fork."""
    is_whole: bool
    """Whether it differs from its study in nothing but trials that have not ended."""

    @property
    def n_kept(self) -> int:
        """How many trials are kept."""
        return len(self.rows)


def plan_fork(
    reader: StudyReader,
    space: Mapping[str, ParamSpec],
    metric_names: Sequence[str],
    request: ForkRequest,
) -> ForkPlan:
    """Return what a fork keeps.

    Args:
        reader: The study.
        space: Its parameters as its trials hold them now.
        metric_names: A name for each objective, or none at all.
        request: In what the fork is to differ.

    Raises:
        UsageError: The request does not suit the study.
    """
    objectives = _objectives(request.objectives, metric_names, len(reader.trials.directions))
    directions = _directions(request.directions, objectives, reader.trials.directions)
    changed = {
        name: _changed(name, edit, space, reader)
        for name, edit in request.edits.items()
        if not _only_fixes(edit)
    }
    n_trials = len(reader.trials)
    fits = tuple(
        fit_param(reader.trials.params[name], spec, n_trials)
        for name, spec in changed.items()
        if name in reader.trials.params
    )
    left_out: Counter[str] = Counter()
    kept = np.ones(n_trials, np.bool_)

    def leave(reason: str, is_left: BoolArray) -> None:
        nonlocal kept
        count = int((kept & is_left).sum())
        if count:
            left_out[reason] += count
        kept = kept & ~is_left

    leave(NOT_ENDED, np.isin(reader.trials.states, OPEN_STATES))
    n_ended = int(kept.sum())
    leave(DAMAGED, reader.trials.is_damaged | (reader.trials.numbers < 0))
    if request.choose is not None:
        leave(FILTERED_OUT, ~request.choose(reader))
    for fit in fits:
        outside = kept & ~fit.fits
        left_out.update(fit.reasons(outside))
        kept = kept & fit.fits
    rows = np.flatnonzero(kept)
    rows = rows[np.argsort(reader.trials.numbers[rows], kind="stable")]
    return ForkPlan(
        n_trials,
        rows,
        dict(left_out),
        fits,
        directions,
        objectives,
        is_whole=not changed
        and len(rows) == n_ended
        and directions == reader.trials.directions
        and objectives == tuple(range(len(reader.trials.directions))),
    )


def _only_fixes(edit: ParamEdit) -> bool:
    return edit == ParamEdit(fixed=edit.fixed)


def _changed(
    name: str, edit: ParamEdit, space: Mapping[str, ParamSpec], reader: StudyReader
) -> ParamSpec:
    if name not in space:
        if name in reader.trials.params:
            raise SpaceError(
                f"Parameter {show(name)} has a stored space that hptui cannot read, so it cannot "
                "be changed.",
                hint="hptui doctor says what is wrong with the file.",
            )
        raise unknown_parameter(name, space)
    spec = space[name]
    if isinstance(spec, ChoiceParam) and not isinstance(edit.choices, Unset):
        # What the study has not can be added here: the fork's objective must ask for it.
        known = (*spec.choices, *edit.choices)
        spec = ChoiceParam(tuple(pick_choices(edit.choices, known)))
    return apply_edit(name, spec, edit)


def _objectives(
    wanted: tuple[str, ...] | None, metric_names: Sequence[str], count: int
) -> tuple[int, ...]:
    if wanted is None:
        return tuple(range(count))
    by_name = {name: index for index, name in enumerate(metric_names)}
    by_number = {str(index): index for index in range(count)}
    found: list[int] = []
    for text in wanted:
        index = by_name.get(text, by_number.get(text))
        if index is None:
            known = ", ".join(safe_line(name) for name in metric_names)
            raise UsageError(
                f"There is no objective {show(text)}.",
                hint=f"The study has {known or ', '.join(by_number)}, in this order.",
            )
        if index in found:
            raise UsageError(f"The objective {show(text)} is given twice.", hint="Give it once.")
        found.append(index)
    return tuple(found)


def _directions(
    wanted: tuple[Direction, ...] | None,
    objectives: tuple[int, ...],
    stored: tuple[Direction, ...],
) -> tuple[Direction, ...]:
    if wanted is None:
        return tuple(stored[index] for index in objectives)
    if len(wanted) != len(objectives):
        raise UsageError(
            f"--direction is given {plural(len(wanted), 'time')}, but the "
            f"fork has {plural(len(objectives), 'objective')}.",
            hint="Give one for each objective of the fork, in its order.",
        )
    return wanted

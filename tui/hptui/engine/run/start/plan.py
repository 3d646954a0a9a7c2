"""What a run is asked to do, gathered before anything is written."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import joblib  # pyright: ignore[reportMissingTypeStubs]

from hptui.domain.following import Following
from hptui.domain.next_run import NOTHING_PREPARED, NextRun
from hptui.domain.resources import Resources
from hptui.domain.spaces.edits import ParamEdit
from hptui.domain.texts.text import safe_line
from hptui.engine.run.rules import Budget
from hptui.errors import UsageError
from hptui.registry.commands.typed_command import place_of_trials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.far_workers import FarWorkers
    from hptui.domain.objective import Direction, ObjectiveRef
    from hptui.domain.run_place import RunPlace
    from hptui.domain.script_study import ScriptStudy
    from hptui.engine.workers.worker_kinds import Backend
    from hptui.registry.loading.other_python import OtherPython
    from hptui.storage.mirror.address import SourceAddress

Leftovers = Literal["leave", "fail", "requeue"]


def available_cores() -> int:
    """Return how many cores this process may use, as joblib counts them.

    Raises:
        UsageError: The user's own number is none.
    """
    try:
        return joblib.cpu_count()
    except ValueError as error:
        text = safe_line(os.environ.get("LOKY_MAX_CPU_COUNT", ""), max_chars=40)
        raise UsageError(
            f"The variable LOKY_MAX_CPU_COUNT is {text!r}; it must be a whole number.",
            hint="Correct it, or unset it.",
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """Everything that `hptui run` was told; what is None comes from the objective or the study."""

    ref: ObjectiveRef
    study_file: Path
    study: str
    server: SourceAddress | None = None
    """Where the study is, when that is a server; the study's file is its mirror."""
    join: bool = False
    """Whether other engines may run the study at the same time."""
    address: str = ""
    """What stands for the study on a command line."""
    directions: tuple[Direction, ...] | None = None
    sampler: str | None = None
    """Spelled as for `--sampler`."""
    pruner: str | None = None
    edits: Mapping[str, ParamEdit] = field(default_factory=dict[str, ParamEdit])
    fixes: tuple[str, ...] = ()
    """Spelled as for `--fix`; what they mean depends on the parameter's kind."""
    choices: tuple[str, ...] = ()
    """Spelled as for `--choices`."""
    resets: tuple[str, ...] = ()
    """Parameters whose earlier edits are taken back before those above are put in force."""
    budget: Budget = field(default_factory=Budget)
    n_workers: int = field(default_factory=available_cores)
    backend: Backend = "loky"
    resources: Resources = field(default_factory=Resources)
    far: FarWorkers | None = None
    """Workers on other machines, in the place of those of this one."""
    python: OtherPython | None = None
    """The Python of workers and of callbacks, where it is not hptui's own."""
    seed: int | None = None
    enqueue: tuple[Mapping[str, Any], ...] = ()
    leftovers: Leftovers = "fail"
    n_values: int | None = None
    """How many values the objective returns, where its source tells."""
    notes: tuple[str, ...] = ()
    """What to tell when the run begins."""
    script: ScriptStudy | None = None
    """What the script sets, once a worker has run it."""
    repeat: int | None = None
    """How often each configuration is run, with other seeds; None: as in the latest run."""
    skip_duplicates: bool = False
    """Whether a trial whose parameters were tried gets the values of the earlier one."""
    following: Following = field(default_factory=Following)
    ask_ahead: bool = False
    """Whether the sampler is asked for a trial while all workers run one."""
    any_objective: bool = False
    """Whether the study may hold trials of another objective."""
    folder: Path = field(default_factory=Path.cwd)
    """The working directory of trials, and of the engine."""
    typed: frozenset[str] = frozenset({"trials", "workers"})
    """Which of these the run was told itself, so that what is prepared of them does not count."""
    prepared: NextRun = NOTHING_PREPARED
    """What counts already of that which is prepared for the study's next run."""

    @property
    def place(self) -> RunPlace:
        """Where its trials run, once the process is in `folder`."""
        place = place_of_trials(self.ref)
        return place if self.python is None else self.python.at(place)

    def with_prepared(self, stored: NextRun) -> RunPlan:
        """Return the plan of a run that begins with what is prepared in the study now."""
        counts = stored.without(self.typed)
        if counts == self.prepared:
            return self
        budget, n_workers = self.budget, self.n_workers
        if counts.trials is not None:
            budget = replace(budget, n_trials=counts.trials)
        if counts.workers is not None:
            n_workers = counts.workers
        said = self.prepared.notes(self.prepared, NOTHING_PREPARED)
        notes = [note for note in self.notes if note not in said]
        notes += counts.notes(counts, NOTHING_PREPARED)
        return replace(
            self, budget=budget, n_workers=n_workers, prepared=counts, notes=tuple(notes)
        )

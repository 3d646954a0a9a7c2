"""What a script sets for the study that it optimizes, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.objective import Direction, ObjectiveInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptStudy:
    """A call of `Study.optimize` in a script, with all that was set for its study by then."""

    directions: tuple[Direction, ...]
    function: str = ""
    """What the script calls the objective, where that has a name at all."""
    number: int = 1
    """Which call of the script it is, from 1."""
    line: int = 0
    """The line of the script from which it is called; 0 where that is not known."""
    name: str = ""
    """What the script calls the study; empty where it leaves that to Optuna."""
    metric_names: tuple[str, ...] = ()
    sampler: str = ""
    """Spelled as for `--sampler`; empty where only the script has such a one."""
    pruner: str = ""
    """Spelled as for `--pruner`; empty where only the script has such a one."""
    seed: int | None = None
    grid: Mapping[str, list[Any]] = field(default_factory=dict[str, "list[Any]"])
    """The values of a grid, by parameter; empty where the sampler is none."""
    fixed: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Values that the sampler gives to parameters, by name."""
    n_trials: int | None = None
    timeout_s: float | None = None
    has_constraints: bool = False
    callbacks: tuple[str, ...] = ()
    """What the script calls those that are called when a trial has ended."""
    user_attrs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    trials: tuple[Mapping[str, Any], ...] = ()
    """Trials that it enqueues or adds, in order, as `storage/sqlite/sent_trials.py` spells them."""
    n_calls: int | None = 1
    """How often the script optimizes this study, with `n_trials` in all; None for a loop whose end
    cannot be told."""
    may_have_more: bool = False
    """Whether the script may optimize more studies after it."""
    storage: str = ""
    """Where the script keeps the study; empty where it lasts no longer than the script."""
    n_stored: int = 0
    """How many trials the study has there."""
    left: tuple[str, ...] = ()
    """What is not taken over: `a sampler of its own (Mine)`."""

    @property
    def sqlite_file(self) -> str:
        """The file of its storage, as the script spells it; empty where that is no such file."""
        prefix = "sqlite:///"
        return self.storage.removeprefix(prefix) if self.storage.startswith(prefix) else ""

    @property
    def n_waiting(self) -> int:
        """How many trials it enqueues."""
        return sum(each.get("state") == "waiting" for each in self.trials)

    @property
    def n_added(self) -> int:
        """How many trials it adds that have ended."""
        return len(self.trials) - self.n_waiting

    def applied_to(self, info: ObjectiveInfo) -> ObjectiveInfo:
        """Return what is known of an objective, with what the script says in its place."""
        return replace(
            info,
            directions=self.directions,
            metric_names=self.metric_names or info.metric_names,
            sampler=self.sampler or info.sampler,
            pruner=self.pruner or info.pruner,
            doubt="",
            settings=(),
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ScriptStudy:
        """Read what `to_json` gave, after JSON has made lists of its tuples."""
        known: dict[str, Any] = {name: data[name] for name in cls.__slots__ if name in data}
        for name, value in known.items():
            if isinstance(value, list):
                known[name] = tuple(cast("list[Any]", value))
        return cls(**known)

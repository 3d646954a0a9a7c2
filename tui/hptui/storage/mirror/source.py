"""What a source of studies gives: rows of Optuna's tables, and how far they were read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from hptui.errors import HptuiError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hptui.storage.mirror.address import SourceKind

_OF_ATTRIBUTES: Final = ("key", "value_json")
COLUMN_ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "studies": ("study_id", "study_name"),
    "study_directions": ("study_direction_id", "direction", "study_id", "objective"),
    "study_user_attributes": ("study_user_attribute_id", "study_id", *_OF_ATTRIBUTES),
    "study_system_attributes": ("study_system_attribute_id", "study_id", *_OF_ATTRIBUTES),
    "trials": ("trial_id", "number", "study_id", "state", "datetime_start", "datetime_complete"),
    "trial_user_attributes": ("trial_user_attribute_id", "trial_id", *_OF_ATTRIBUTES),
    "trial_system_attributes": ("trial_system_attribute_id", "trial_id", *_OF_ATTRIBUTES),
    "trial_params": ("param_id", "trial_id", "param_name", "param_value", "distribution_json"),
    "trial_values": ("trial_value_id", "trial_id", "objective", "value", "value_type"),
    "trial_intermediate_values": (
        "trial_intermediate_value_id",
        "trial_id",
        "step",
        "intermediate_value",
        "intermediate_value_type",
    ),
    "trial_heartbeats": ("trial_heartbeat_id", "trial_id", "heartbeat"),
}
"""The columns of each table in the order in which sources give them; the first is its id."""
MAX_TEXT_CHARS: Final = 10_000_000
"""Longer texts are left out of a mirror, and a sentence stands in their place."""
MAX_NAME_CHARS: Final = 512
"""As Optuna's tables have it."""


class SourceError(HptuiError):
    """A source that cannot be reached or read; the mirror stays as it is."""


class PasswordError(SourceError):
    """A server that wants a password, or another one."""


class BareDatabaseError(SourceError):
    """A database without Optuna's tables."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source is."""

    kind: SourceKind
    version: str
    """The version of its schema, or what else says how its studies are stored."""


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Rows of one table; they take the place of those with the same id or the same key."""

    table: str
    rows: Sequence[Sequence[object]]
    """Values in the order of COLUMN_ORDER; an id of None is given by the mirror."""
    of_trials: Sequence[int] = ()
    """The trials of which these are all rows that the table has."""
    is_whole: bool = False
    """Whether these are all rows of the table."""


@dataclass(frozen=True, slots=True)
class StudiesGone:
    """Studies that were deleted, with all that belonged to them."""

    study_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class TrialsGone:
    """A study whose trials are other ones: they come anew."""

    study_id: int


@dataclass(frozen=True, slots=True)
class StartOver:
    """What was read before is of another source; all comes anew."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All changes so far belong together, and were read up to here."""

    cursor: str
    """What `changes` needs to go on from here."""
    notes: Sequence[str] = ()
    """What of the source could not be read, in sentences."""


Change = RowBatch | StudiesGone | TrialsGone | StartOver | Checkpoint


class Mirrored(Protocol):
    """What a mirror has so far."""

    def studies(self) -> dict[int, str]:
        """Return the names of the studies by their ids."""
        ...

    def trials(self) -> dict[int, tuple[int, int]]:
        """Return, by study id, the greatest trial id and how many trials there are."""
        ...

    def open_trials(self) -> dict[int, tuple[object, ...]]:
        """Return the rows of the trials that have not ended, by their ids."""
        ...

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        ...

    def first_distribution(self, study_id: int, name: str) -> str | None:
        """Return the distribution that a parameter had first in a study, as JSON."""
        ...


class Source(Protocol):
    """A place of studies, which is only read."""

    def open(self) -> SourceInfo:
        """Connect, and look whether there are studies of Optuna's.

        Raises:
            SourceError: It cannot be reached, or is none.
        """
        ...

    def changes(self, cursor: str | None, mirrored: Mirrored) -> Iterator[Change]:
        """Yield what is new since a cursor; nothing where nothing is.

        Args:
            cursor: That of the last checkpoint; None where the mirror is empty.
            mirrored: The mirror as it is at that checkpoint.

        Raises:
            SourceError: It cannot be read now. What came since the last checkpoint does not count.
        """
        ...

    def close(self) -> None:
        """Let go of it; `open` connects anew."""
        ...


def left_out(n_chars: int) -> str:
    """Return JSON that stands for a text that is too long."""
    return f'"(left out: {n_chars:,} characters)"'

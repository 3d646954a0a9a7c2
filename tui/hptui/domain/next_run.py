"""What is prepared for the next run of a study, while nobody runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.domain.texts.readable import plural
from hptui.domain.texts.run_text import MAX_WORKERS

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_TRIALS: Final = 10**9


@dataclass(frozen=True, slots=True)
class NextRun:
    """What the next run has where it is not told otherwise; None where nothing is prepared."""

    trials: int | None = None
    workers: int | None = None

    @classmethod
    def read(cls, data: object) -> NextRun:
        """Return what is stored; what cannot be one of ours is left out."""
        held = cast("dict[str, object]", data) if isinstance(data, dict) else {}
        return cls(_whole(held.get("trials"), MAX_TRIALS), _whole(held.get("workers"), MAX_WORKERS))

    def to_json(self) -> dict[str, int]:
        """Return it as it is stored."""
        held = {"trials": self.trials, "workers": self.workers}
        return {key: value for key, value in held.items() if value is not None}

    def without(self, typed: Collection[str]) -> NextRun:
        """Return it without what a run was told itself: `trials`, `workers`."""
        return NextRun(
            None if "trials" in typed else self.trials,
            None if "workers" in typed else self.workers,
        )

    def notes(self, counts: NextRun, typed: NextRun) -> list[str]:
        """Return what to say of it when a run begins.

        Args:
            counts: What of it counts.
            typed: What the run was told instead.
        """
        dropped = NextRun(
            None if counts.trials or self.trials == typed.trials else self.trials,
            None if counts.workers or self.workers == typed.workers else self.workers,
        )
        notes = [f"As prepared, this run has {counts}."] if str(counts) else []
        if str(dropped):
            notes.append(f"Prepared, but this command overrides it: {dropped}.")
        return notes

    def __str__(self) -> str:
        """Return it as people read it, `20 trials, 4 workers`; empty where nothing is prepared."""
        counts = ((self.trials, "trial"), (self.workers, "worker"))
        parts = [plural(count, what) for count, what in counts if count is not None]
        return ", ".join(part for part in parts if part)


NOTHING_PREPARED: Final = NextRun()


def _whole(value: object, most: int) -> int | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return cast("int", value) if is_whole and 1 <= cast("Any", value) <= most else None

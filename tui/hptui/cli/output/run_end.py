"""How a run has ended, as its study's file tells: in a sentence, and as the exit code it had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.texts.text import safe_line
from hptui.engine.run.observer import reason_text
from hptui.storage.read.study_detail import count_run, read_study

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.study_ref import StudyRef

_CODES: Final[Mapping[str, int]] = {"": 1, "error": 1, "objective": 2, "interrupted": 130}
"""Of `hptui run`, by the reason that is stored; a run that died has none."""
EXIT_NOTHING_COMPLETED: Final = 3
_DIED: Final = "Its engine died."


@dataclass(frozen=True, slots=True)
class RunEnd:
    """The end of a run."""

    study: str
    file: str
    run: str
    """The run's id."""
    reason: str | None
    """As it is stored; None where the engine died."""
    text: str
    """The reason as a sentence."""
    error: str | None
    """What was wrong with the run as a whole."""
    counts: Mapping[str, int]
    """How many of its trials have ended: `complete`, `pruned` and `fail`."""

    @property
    def exit_code(self) -> int:
        """The exit code that `hptui run` had."""
        code = _CODES.get(self.reason or "")
        if code is not None:
            return code
        return 0 if self.counts["complete"] else EXIT_NOTHING_COMPLETED

    def to_json(self) -> dict[str, Any]:
        """Return it as it is printed with `--json`."""
        return {
            "study": self.study,
            "file": self.file,
            "run": self.run,
            "reason": self.reason,
            "text": self.text,
            "error": self.error,
            "counts": dict(self.counts),
            "exit_code": self.exit_code,
        }

    def __str__(self) -> str:
        """Return a line for people, safe for a terminal."""
        counts = self.counts
        why = "" if self.error is None else f" {safe_line(self.error, max_chars=400)}"
        return (
            f"{safe_line(self.study)}: {safe_line(self.text)} {counts['complete']} complete, "
            f"{counts['pruned']} pruned, {counts['fail']} failed.{why}"
        )


def end_of_run(place: StudyRef, run_id: str | None = None) -> RunEnd | None:
    """Return how a run of a study ended, the latest where none is named; None without such a run.

    Raises:
        StudyFileError: The file cannot be read.
    """
    runs = read_study(place.path, place.study_name).runs
    run = next((run for run in reversed(runs) if run_id in (None, "", run.id)), None)
    if run is None:
        return None
    return RunEnd(
        study=place.study_name,
        file=str(place.path),
        run=run.id,
        reason=run.reason or None,
        text=reason_text(run.reason) or _DIED,
        error=run.error or None,
        counts=count_run(place.path, place.study_name, run.id),
    )

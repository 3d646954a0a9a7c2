"""Failed trials by their cause: what is said of each, and what of all when a run ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hptui.domain.causes import cause_of, trace_title
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    from hptui.domain.causes import Cause
    from hptui.engine.run.outcome import TrialError

SHOWN_OF_A_CAUSE = 2
"""So many trials with the same error are told one by one; after that only their count is."""
_MAX_CAUSES = 50
_CAUSES_IN_SUMMARY = 8
_NUMBERS_IN_SUMMARY = 3
_MAX_CHARS = 160


@dataclass(slots=True)
class _Told:
    """A cause that trials have in common, and what was said of it."""

    text: str
    """As the first of them told it."""
    numbers: list[int] = field(default_factory=list[int])
    """The first few of the trials."""
    count: int = 0
    trace: str = ""
    """What is stored with the first of them, as `trace_title` calls it."""


class Failures:
    """Groups failed trials; the memory it takes does not grow with their number."""

    def __init__(self) -> None:
        self._causes: dict[Cause, _Told] = {}
        self._rare = _Told("other errors")

    def add(self, number: int, error: TrialError) -> list[str]:
        """Count a failed trial and return what to say of it now: often nothing."""
        cause = self._cause_of(error)
        cause.count += 1
        if len(cause.numbers) < _NUMBERS_IN_SUMMARY:
            cause.numbers.append(number)
        if cause is self._rare:
            return [f"{_MAX_CAUSES} different errors so far; more are only counted."][
                : cause.count == 1
            ]
        if cause.count <= SHOWN_OF_A_CAUSE:
            text = safe_line(error.summary, max_chars=_MAX_CHARS)
            return [f"trial {number} failed: {text}"]
        if _is_milestone(cause.count):
            return [f"{plural(cause.count, 'trial')} failed like this so far: {cause.text}"]
        return []

    def summary(self) -> list[str]:
        """Return a line for each cause, the most frequent first; nothing when none has failed."""
        causes = sorted(self._causes.values(), key=lambda cause: -cause.count)
        lines = [_line_of(cause) for cause in causes[:_CAUSES_IN_SUMMARY]]
        left = sum(cause.count for cause in causes[_CAUSES_IN_SUMMARY:]) + self._rare.count
        if left:
            lines.append(f"{left} failed with other errors")
        return lines

    @property
    def example(self) -> tuple[int, str] | None:
        """The first trial of the most frequent cause that `show` tells more of, and what it is."""
        causes = [cause for cause in self._causes.values() if cause.trace]
        if not causes:
            return None
        cause = max(causes, key=lambda cause: cause.count)
        return cause.numbers[0], cause.trace

    def _cause_of(self, error: TrialError) -> _Told:
        key = cause_of(error.kind, error.type, error.message)
        cause = self._causes.get(key)
        if cause is None and len(self._causes) < _MAX_CAUSES:
            text = safe_line(error.summary, max_chars=_MAX_CHARS)
            cause = _Told(text, trace=trace_title(error.kind, error.traceback))
            self._causes[key] = cause
        return cause or self._rare


def _is_milestone(count: int) -> bool:
    """Tell 10, 100, 1000 and so on from other counts."""
    return count >= 10 and set(str(count)[1:]) == {"0"} and str(count)[0] == "1"  # noqa: PLR2004


def _line_of(cause: _Told) -> str:
    if cause.count == 1:
        return f"trial {cause.numbers[0]} failed: {cause.text}"
    listed = ", ".join(map(str, cause.numbers))
    more = (
        f" and {cause.count - len(cause.numbers)} more" if cause.count > len(cause.numbers) else ""
    )
    return f"{cause.count} failed: {cause.text} (trials {listed}{more})"

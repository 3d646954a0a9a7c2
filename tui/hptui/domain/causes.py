"""Failed trials grouped by their cause: errors that differ in nothing but what always differs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PATTERN_CHARS: Final = 160
VARIES: Final = "#"
"""Stands in a cause for each thing that differs from trial to trial."""
NOT_RECORDED: Final = "no reason was recorded"
"""What is said of trials that plain Optuna programs have left as failed."""

TRACEBACK: Final = "traceback"
LAST_OUTPUT: Final = "last output"
_ENDED_FROM_OUTSIDE: Final = frozenset(
    ("killed", "timeout", "memory", "died", "lost", "interrupted")
)
"""Kinds of errors that are no exception of the objective's."""

_MAX_READ_CHARS: Final = 2_000
_VARIABLE: Final = re.compile(
    r"""
    0x[0-9a-f]+
    | \b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b
    | \b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,}\b
    | (?<![\w.~/\\]) (?: ~ | \.\.? | [a-z]: )? (?:[/\\][^\s/\\'"`:;,()<>|]+)+ [/\\]?
    | [-+]? \d+ (?:[.,]\d+)* (?:e[-+]?\d+)?
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Addresses, identifiers, hashes, paths and numbers."""


def trace_title(kind: str, trace: str) -> str:
    """Return what is stored with an error of this kind: TRACEBACK, LAST_OUTPUT, or an empty text.

    A trial that was ended or whose process died has no traceback, but the end of what it printed.
    """
    if not trace.strip():
        return ""
    return LAST_OUTPUT if kind in _ENDED_FROM_OUTSIDE else TRACEBACK


@dataclass(frozen=True, slots=True)
class Cause:
    """What failures have in common; `cause_of` makes it."""

    kind: str
    """Of an error of a trial; empty where no reason was recorded."""
    type: str
    pattern: str
    """The message on one safe line, with VARIES for what differs."""

    @property
    def summary(self) -> str:
        """The cause as people read it."""
        if not self.kind:
            return NOT_RECORDED
        return f"{self.type}: {self.pattern}" if self.type and self.pattern else self._either

    @property
    def text(self) -> str:
        """The cause as filters compare it: the kind before the summary; empty without a reason."""
        return f"{self.kind} {self.summary}" if self.kind else ""

    @property
    def _either(self) -> str:
        return self.type or self.pattern or self.kind


NO_REASON: Final = Cause("", "", "")


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed trial."""

    number: int
    kind: str = ""
    """Empty, as the others, where no reason was recorded."""
    type: str = ""
    message: str = ""
    is_retried: bool = False
    """Whether another trial repeats it."""
    devices: tuple[str, ...] = ()
    """Those that it had for itself."""
    host: str = ""
    """Its machine; empty: its engine's."""


@dataclass(slots=True)
class FailureGroup:
    """Failed trials with the same cause."""

    cause: Cause
    numbers: list[int] = field(default_factory=list[int])
    """In the order in which they came."""
    retriable: list[int] = field(default_factory=list[int])
    """Those of them that no other trial repeats yet."""
    devices: dict[str, int] = field(default_factory=dict[str, int])
    """How many of them had each device; empty where none had any of its own."""
    hosts: dict[str, int] = field(default_factory=dict[str, int])
    """How many of them were on each other machine."""

    @property
    def count(self) -> int:
        return len(self.numbers)

    @property
    def first(self) -> int:
        """The number of the oldest one."""
        return min(self.numbers)

    @property
    def newest(self) -> int:
        """The number of the newest one."""
        return max(self.numbers)


def cause_of(kind: str, name: str, message: str) -> Cause:
    """Return the cause of a failure from its error's kind, its type's name and its message."""
    if not kind and not name and not message:
        return NO_REASON
    plain = " ".join(message[:_MAX_READ_CHARS].split())
    pattern = safe_line(_VARIABLE.sub(VARIES, plain), max_chars=MAX_PATTERN_CHARS)
    safe_kind, safe_name = (
        safe_line(" ".join(text.split()), max_chars=80) for text in (kind, name)
    )
    return Cause(safe_kind or "unknown", safe_name, pattern)


def group_failures(failures: Iterable[Failure]) -> list[FailureGroup]:
    """Group failed trials by their cause, the most frequent first, of equals the oldest."""
    causes: dict[tuple[str, str, str], Cause] = {}
    groups: dict[Cause, FailureGroup] = {}
    for failure in failures:
        # Many trials fail with the very same words.
        words = (failure.kind, failure.type, failure.message)
        cause = causes.get(words)
        if cause is None:
            cause = causes[words] = cause_of(*words)
        group = groups.get(cause)
        if group is None:
            group = groups[cause] = FailureGroup(cause)
        group.numbers.append(failure.number)
        for device in failure.devices:
            group.devices[device] = group.devices.get(device, 0) + 1
        if failure.host:
            group.hosts[failure.host] = group.hosts.get(failure.host, 0) + 1
        if not failure.is_retried:
            group.retriable.append(failure.number)
    return sorted(groups.values(), key=lambda group: (-group.count, group.first))

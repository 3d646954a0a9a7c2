"""Reading numbers from what a program prints: which line holds which metric, at which step.

Nothing here reads or waits: bytes in, values out. What a program prints may be anything, so that
every line is read in time that grows with its length alone, and lengths are bounded.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, cast

from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Source = Literal["report", "json", "text"]
LAST_LINE: Final = "-"
MAX_LINE_BYTES: Final = 1 << 20
"""Of a longer line only so much of its beginning is read."""
_RANKS: Final[dict[Source, int]] = {"report": 2, "json": 1, "text": 0}
_STEP_KEYS: Final = ("step", "epoch", "iter", "iteration", "round")
_MAX_STEP: Final = 10**15
_MAX_NAMES: Final = 12
_MAX_NAME_CHARS: Final = 60
_ENDS: Final = re.compile(rb"[\r\n]+")
_COLOURS: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])"
)
_NUMBER: Final = (
    r"(?i:[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?|nan|inf(?:inity)?))"
    r"(?!\w|[.,][0-9])"
)
_WRAPPED: Final = rf"(?:(?:np\.float[0-9]+|tensor)\(\s*)?(?P<value>{_NUMBER})"
"""A number, also as NumPy and PyTorch print those in a dictionary."""
_STEP: Final = re.compile(
    r"(?<![\w/.-])(?P<name>step|epoch|iter(?:ation)?|round)\b[\"']?\s*[=:#]?\s*\[?\s*"
    rf"(?P<value>{_NUMBER})?",
    re.IGNORECASE,
)
_ANY: Final = re.compile(
    rf"(?<![\w/.-])[\"']?(?P<name>[^\W\d][\w./-]{{0,{_MAX_NAME_CHARS}}})[\"']?\s{{0,8}}[=:]\s{{0,8}}"
    rf"{_WRAPPED}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """A value of a metric that a program has told."""

    metric: int
    """The place of the metric among those that are looked for."""
    value: float
    step: float | None
    """As the line says; None where it says none."""
    source: Source


class LineSplitter:
    r"""Puts what arrives together to lines; `\r` ends one, too, as progress bars have it."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that are complete, without empty ones."""
        first, *others = _ENDS.split(data)
        self._rest += first[: MAX_LINE_BYTES - len(self._rest)]
        if not others:
            return []
        lines = [bytes(self._rest), *others[:-1]]
        self._rest = bytearray(others[-1][:MAX_LINE_BYTES])
        return [line for line in lines if line]

    def end(self) -> list[bytes]:
        """Return what the last line holds that nothing has ended."""
        rest, self._rest = bytes(self._rest), bytearray()
        return [rest] if rest else []


@dataclass(slots=True)
class MetricReader:
    """Finds the values of some metrics in lines.

    A line that is a JSON object is read as that, any other as text: `NAME = number`, or
    `NAME: number`, where the name stands alone. With expressions the first group of each is the
    value, and nothing else is looked for in the output.
    """

    metrics: tuple[str, ...]
    regexes: tuple[str, ...] = ()
    _patterns: list[re.Pattern[str]] = field(init=False)
    _marks: list[bytes] = field(init=False)
    """What a line must hold to be looked at."""
    unread: str = ""
    """What stood behind a metric's name and is not a number; the latest."""

    def __post_init__(self) -> None:
        if self.regexes:
            self._patterns = [re.compile(each) for each in self.regexes]
            self._marks = []
        else:
            self._patterns = [_pattern_of(name) for name in self.metrics]
            self._marks = [name.encode(errors="surrogateescape") for name in self.metrics]

    def of_line(self, line: bytes) -> list[Reading]:
        """Return what a line of output says."""
        if self.metrics == (LAST_LINE,):
            return []
        if not self.regexes:
            # Colours may stand within a name, and JSON may spell it otherwise.
            is_odd = b"\x1b" in line or line.lstrip().startswith(b"{")
            if not is_odd and not any(mark in line for mark in self._marks):
                return []
        text = plain_line(line)
        if not self.regexes and (table := _object_in(text)) is not None:
            return self._of_table(table, "json")
        return self._of_text(text)

    def of_report(self, line: bytes) -> list[Reading]:
        """Return what a line of the report file says."""
        table = _object_in(line.decode("utf-8", "replace").strip())
        return [] if table is None else self._of_table(table, "report")

    def _of_table(self, table: Mapping[str, object], source: Source) -> list[Reading]:
        found: list[Reading] = []
        for place, name in enumerate(self.metrics):
            if name not in table:
                continue
            value = table[name]
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                self.unread = safe_line(json.dumps(value), max_chars=_MAX_NAME_CHARS)
                continue
            found.append(Reading(place, _as_float(value), _step_of(table), source))
        return found

    def _of_text(self, text: str) -> list[Reading]:
        found: list[Reading] = []
        step: float | None = None
        for place, pattern in enumerate(self._patterns):
            value: float | None = None
            for match in pattern.finditer(text):
                told = match[1] if self.regexes else match["value"]
                number = read_number(told)
                if number is not None:
                    value = number
                else:
                    rest = told if self.regexes else text[match.end() :].lstrip()[:200]
                    word = (rest or "").split(" ")[0]
                    self.unread = safe_line(word, max_chars=_MAX_NAME_CHARS)
            if value is None:
                continue
            step = _step_in(text) if step is None else step
            found.append(Reading(place, value, step, "text"))
        return found


class Steps:
    """Gives each value of a metric the step at which it is reported.

    It is the line's own as long as those rise; where a program counts anew, or counts in parts,
    the values are counted.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._counts = False

    def next(self, step: float | None) -> int | None:
        """Return the step of the next value; None for one more at the same step."""
        if step is None:
            self._counts = True
        if not self._counts and step is not None:
            is_fit = step == math.floor(step) and abs(step) < _MAX_STEP
            if is_fit and (self._last is None or step > self._last):
                self._last = int(step)
                return self._last
            if is_fit and step == self._last:
                return None
            self._counts = True
        self._last = 1 if self._last is None else self._last + 1
        return self._last


class Best:
    """The value of a trial among those that a metric has had."""

    def __init__(self, take: str) -> None:
        self._take = take
        self._rank = -1
        self.value: float | None = None

    def add(self, value: float, source: Source) -> bool:
        """Take a value; False where a better source has told the metric already."""
        rank = _RANKS[source]
        if rank < self._rank:
            return False
        if rank > self._rank:
            self._rank, self.value = rank, None
        is_first = self.value is None or math.isnan(self.value)
        if self._take == "last" or is_first:
            self.value = value
        elif not math.isnan(value):
            assert self.value is not None
            better = min if self._take == "min" else max
            self.value = better(self.value, value)
        return True


def plain_line(line: bytes) -> str:
    """Return a line as text, without colours and what surrounds it."""
    text = line.decode("utf-8", "replace")
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
    return text.strip()


def read_number(text: str | None) -> float | None:
    """Read a number as programs print it; None where it is none."""
    try:
        # Python would read `1_000`, too.
        return None if text is None or "_" in text else float(text)
    except ValueError:
        return None


def names_in(lines: Iterable[bytes]) -> list[str]:
    """Return the names that have numbers in some lines, for who looks for another."""
    found: dict[str, None] = {}
    for line in lines:
        text = plain_line(line)
        table = _object_in(text)
        if table is None:
            names: Sequence[str] = [match["name"] for match in _ANY.finditer(text)]
        else:
            names = [
                name
                for name, value in table.items()
                if isinstance(value, (int, float)) and not isinstance(value, bool)
            ]
        for name in names:
            if name.lower() not in _STEP_KEYS:
                found.setdefault(safe_line(name, max_chars=_MAX_NAME_CHARS))
        if len(found) >= _MAX_NAMES:
            break
    return list(found)[:_MAX_NAMES]


def _pattern_of(name: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?<![\w/.-])(?P<quote>[\"']?){re.escape(name)}(?P=quote)\s{{0,8}}[=:](?![=:>])"
        rf"\s{{0,8}}(?:{_WRAPPED})?"
    )


def _object_in(text: str) -> dict[str, object] | None:
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object]", found) if isinstance(found, dict) else None


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _step_of(table: Mapping[str, object]) -> float | None:
    for key in _STEP_KEYS:
        value = table.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            step = _as_float(value)
            return step if math.isfinite(step) else None
    return None


def _step_in(text: str) -> float | None:
    found: dict[str, float] = {}
    for match in _STEP.finditer(text):
        value = read_number(match["value"])
        if value is not None and math.isfinite(value):
            found[match["name"].lower()] = value
    return next((found[key] for key in _STEP_KEYS if key in found), None)

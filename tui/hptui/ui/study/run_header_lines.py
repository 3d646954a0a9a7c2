"""The header of a study laid out in one line or two, with parts that keep their widths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size

if TYPE_CHECKING:
    from hptui.ui.study.run_summary import RunSummary

Span = tuple[str, str]
"""A text and its role: name, a state, bar, rest, progress, muted, trouble, best."""

ONE_LINE_FROM: Final = 110
"""Cells from which one line is enough."""
_NAME_CELLS: Final = 28
_MIN_BAR: Final = 8
_MAX_BAR: Final = 32
_MARKS: Final = {
    "running": ("▶", ">"),
    "paused": ("‖", "="),
    "stopping": ("▶", ">"),
    "waiting": ("!", "!"),
    "trouble": ("!", "!"),
    "loading": ("…", "."),
    "other": ("▷", ">"),
    "stopped": ("■", "."),
}
_GAP: Final = "  "


class HeaderLayout:
    """Lays headers out; while the state is the same, no part becomes narrower again."""

    def __init__(self, *, unicode: bool = True) -> None:
        self._unicode = unicode
        self._widths: dict[str, int] = {}
        self._state = ""

    def lines(self, summary: RunSummary, width: int) -> list[list[Span]]:
        """Return the spans of one line, or of two where `width` is below ONE_LINE_FROM."""
        if summary.state != self._state:
            self._state = summary.state
            self._widths.clear()
        if width >= ONE_LINE_FROM:
            left = self._progress(summary, width)
            return [self._justify([*self._title(summary), *left], self._right(summary), width)]
        title = self._title(summary)
        # Title and bar share the first line; what follows from them stands below.
        bar = self._bar(summary, max(_MIN_BAR, width // 4))
        numbers = self._numbers(summary)
        if summary.fraction is None:
            first: list[Span] = [(f"{summary.progress} ", "progress")]
        else:
            progress = self._fixed("progress", summary.progress, right=True)
            first = [*bar, (f"  {progress} ", "progress")]
        return [
            self._justify(title, first, width),
            self._justify([(" ", ""), *numbers], self._right(summary), width),
        ]

    def _title(self, summary: RunSummary) -> list[Span]:
        name = _cut(summary.name, _NAME_CELLS)
        mark = _MARKS[summary.state][0 if self._unicode else 1]
        word = self._fixed("word", f"{mark} {summary.word}")
        return [(f" {name}", "name"), (_GAP, ""), (word, summary.state)]

    def _progress(self, summary: RunSummary, width: int) -> list[Span]:
        spans: list[Span] = [(_GAP, "")]
        if summary.fraction is not None:
            spans += [*self._bar(summary, min(_MAX_BAR, width // 7)), (_GAP, "")]
        spans.append((self._fixed("progress", summary.progress, right=True), "progress"))
        numbers = self._numbers(summary)
        return [*spans, (_GAP, ""), *numbers] if numbers else spans

    def _numbers(self, summary: RunSummary) -> list[Span]:
        rate = self._fixed("rate", summary.rate, right=True)
        eta = self._fixed("eta", summary.eta)
        return [(_GAP.join(part for part in (rate, eta) if part), "muted")] if rate or eta else []

    def _right(self, summary: RunSummary) -> list[Span]:
        spans: list[Span] = []
        if summary.failed:
            mark = "✗" if self._unicode else "F"
            spans.append((self._fixed("failed", f"{mark} {summary.failed}", right=True), "trouble"))
        if summary.best:
            spans.append(("   " if spans else "", ""))
            mark = "★" if self._unicode else "*"
            spans.append((self._fixed("best", f"{mark} {summary.best}", right=True), "best"))
        if summary.method:
            spans += [("   " if spans else "", ""), (summary.method, "muted")]
        return [*spans, (" ", "")] if spans else []

    def _bar(self, summary: RunSummary, width: int) -> list[Span]:
        if summary.fraction is None:
            return []
        done = min(width, int(summary.fraction * width + 0.5))
        full, rest = ("━", "─") if self._unicode else ("=", "-")
        return [(full * done, "bar"), (rest * (width - done), "rest")]

    def _fixed(self, key: str, text: str, *, right: bool = False) -> str:
        width = self._widths[key] = max(self._widths.get(key, 0), cell_len(text))
        padding = " " * (width - cell_len(text))
        return padding + text if right else text + padding

    def _justify(self, left: list[Span], right: list[Span], width: int) -> list[Span]:
        room = width - _cells(left) - _cells(right)
        if room >= len(_GAP):
            return [*left, (" " * room, ""), *right]
        # Too narrow for all: the ends of the right part go first.
        kept = list(right)
        while kept and width - _cells(left) - _cells(kept) < len(_GAP):
            kept.pop()
        room = width - _cells(left) - _cells(kept)
        return _clip([*left, (" " * max(0, room), ""), *kept], width)


def _cells(spans: list[Span]) -> int:
    return sum(cell_len(text) for text, _ in spans)


def _clip(spans: list[Span], width: int) -> list[Span]:
    kept: list[Span] = []
    for text, role in spans:
        room = width - _cells(kept)
        if room <= 0:
            break
        kept.append((text if cell_len(text) <= room else set_cell_size(text, room), role))
    return kept


def _cut(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"

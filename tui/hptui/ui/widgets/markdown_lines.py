"""Markdown as lines of spans: laid out, and nothing in it is followed, loaded or run."""

from __future__ import annotations

from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from hptui.domain.texts.text import safe_line, safe_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token

Line = list[tuple[str, str]]
"""Spans of a line: text and role."""

MAX_CHARS: Final = 20_000
"""Of a text that is laid out. Reading hostile ones takes time by the square of their length."""
_TARGET_CHARS: Final = 200
_GAP: Final = "  "
_RULE: Final = "─" * 24
_ROLES: Final = {"strong": "strong", "em": "em", "s": "note", "link": "link"}
"""Of what inline tokens open, without `_open`."""
_BLOCKS: Final = ("heading", "paragraph", "table", "blockquote", "bullet_list", "ordered_list")


@lru_cache(maxsize=8)
def markdown_lines(text: str) -> tuple[Line, ...]:
    """Return Markdown as lines, none of them broken; a long text as it is written.

    Line breaks stay, as people mean them in notes. HTML is text. Control characters are spelled
    out after entities such as `&#27;` have been read.
    """
    if len(text) > MAX_CHARS:
        return tuple([(line, "")] for line in _safe(text).splitlines())
    # In a thread: importing it takes longer than a frame.
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    layout = _Layout()
    for token in reader.parse(text):
        layout.take(token)
    return tuple(layout.lines)


class _Layout:
    """Takes the tokens of blocks one after the other."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._wants_gap = False
        self._indents: list[tuple[str, str]] = []
        """What stands before the next line in a list or quotation, and before those after it."""
        self._numbers: list[int | None] = []
        """Of the next item of each list that is open; None where it has marks."""
        self._role = ""
        self._table: list[list[Line]] | None = None

    def take(self, token: Token) -> None:
        """Lay out one token."""
        name, _, edge = token.type.rpartition("_")
        if edge == "open":
            self._open(name, token)
        elif edge == "close":
            self._close(name)
        elif token.type == "inline":
            self._inline(token.children or ())
        elif token.type in ("fence", "code_block"):
            self._wants_gap = True
            for line in _safe(token.content).splitlines():
                self._put([(_GAP, ""), (line, "code")])
            self._wants_gap = True
        elif token.type == "hr":
            self._wants_gap = True
            self._put([(_RULE, "note")])
        else:
            for line in _safe(token.content).splitlines():
                self._put([(line, self._role)])

    def _open(self, name: str, token: Token) -> None:
        # The paragraphs of a list without blank lines are hidden.
        self._wants_gap |= name in _BLOCKS and not (token.hidden or self._numbers)
        self._wants_gap |= name == "paragraph" and not token.hidden
        match name:
            case "heading":
                self._role = "strong"
            case "blockquote":
                self._indents.append(("│ ", "│ "))
            case "bullet_list":
                self._numbers.append(None)
            case "ordered_list":
                self._numbers.append(int(token.attrs.get("start", 1)))
            case "list_item":
                number = self._numbers[-1]
                mark = "- " if number is None else f"{number}. "
                self._numbers[-1] = None if number is None else number + 1
                self._indents.append((mark, " " * len(mark)))
            case "table":
                self._table = []
            case "tr" if self._table is not None:
                self._table.append([])
            case "th":
                self._role = "strong"
            case _:
                pass

    def _close(self, name: str) -> None:
        self._role = ""
        match name:
            case "blockquote" | "list_item":
                self._indents.pop()
            case "bullet_list" | "ordered_list":
                self._numbers.pop()
                self._wants_gap |= not self._numbers
            case "table":
                table, self._table = self._table or [], None
                self._put_table(table)
                self._wants_gap = True
            case "heading" | "paragraph":
                self._wants_gap |= not self._numbers
            case _:
                pass

    def _inline(self, tokens: Sequence[Token]) -> None:
        rows = _rows_of(tokens, self._role)
        if self._table is not None:
            self._table[-1].append([span for row in rows for span in row])
            return
        for row in rows:
            self._put(row)

    def _put_table(self, table: Sequence[Sequence[Line]]) -> None:
        columns = zip_longest(*table, fillvalue=list[tuple[str, str]]())
        widths = [max(map(_cells, column)) for column in columns]
        for row in table:
            line: Line = []
            for cell, width in zip(row, widths, strict=False):
                line += [*cell, (" " * (width - _cells(cell)) + _GAP, "")]
            self._put(line)

    def _put(self, line: Line) -> None:
        if self._wants_gap and self.lines:
            self.lines.append([])
        self._wants_gap = False
        before = "".join(first for first, _ in self._indents)
        self._indents = [(after, after) for _, after in self._indents]
        self.lines.append([(before, "note"), *line] if before else line)


def _rows_of(tokens: Sequence[Token], role: str) -> list[Line]:
    """Return what stands in a block as rows: a line break begins another one."""
    rows: list[Line] = [[]]
    roles = [role]
    target = ""
    for token in tokens:
        name, _, edge = token.type.rpartition("_")
        if edge == "open":
            roles.append(roles[-1] or _ROLES.get(name, ""))
            target = _target(token, "href") if name == "link" else target
        elif edge == "close":
            roles.pop()
            if name == "link" and rows[-1] and rows[-1][-1][0] != target:
                rows[-1].append((f" {target}", "note"))
        elif token.type in ("softbreak", "hardbreak"):
            rows.append([])
        elif token.type == "image":
            rows[-1].append((safe_line(token.content, max_chars=_TARGET_CHARS) or "image", "em"))
            rows[-1].append((f" {_target(token, 'src')}", "note"))
        else:
            shown = "code" if token.type == "code_inline" else roles[-1]
            rows[-1].append((safe_line(token.content, max_chars=MAX_CHARS), shown))
    return rows


def _target(token: Token, name: str) -> str:
    return safe_line(token.attrs.get(name, ""), max_chars=_TARGET_CHARS)


def _safe(text: str) -> str:
    # Ten characters stand for the longest that is spelled out.
    return safe_text(text, max_chars=10 * len(text) + 1).expandtabs(4)


def _cells(spans: Line) -> int:
    return sum(cell_len(text) for text, _ in spans)

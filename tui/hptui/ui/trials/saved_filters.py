"""Saving a filter under a name into the settings file, the rest of which stays as it stands."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Final, cast

from hptui.analysis.filters.parser import parse_filter
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError, UsageError
from hptui.ui.application.settings import read_settings_text, settings_path, write_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_NAME_CHARS: Final = 60
_NAME: Final = re.compile(r'[^\s"|<>=:~!@-][^\s"|<>=:~!]*')
_HEADER: Final = re.compile(r"\s*\[\s*filters\s*\]\s*(?:#.*)?")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def name_problem(name: str, text: str, saved: Mapping[str, str]) -> str | None:
    """Return why a filter cannot be saved under a name; None where it can.

    Args:
        name: What a person typed, without the `@`.
        text: The filter.
        saved: What is saved already.
    """
    if not name:
        return "Which name?"
    if len(name) > MAX_NAME_CHARS or name != safe_line(name) or not _NAME.fullmatch(name):
        return "A short name without blanks, quotes and operators, like good."
    try:
        parse_filter(f"@{name}", {**saved, name: text})
    except UsageError as error:
        return error.message
    return None


def save_filter(name: str, text: str, path: Path | None = None) -> None:
    """Write a filter into the settings file, in the place of one of the same name.

    Raises:
        HptuiError: The file cannot be read or written, is no TOML, or is written in such a way
            that a line cannot be added to it; then it is left alone.
    """
    path = (settings_path() if path is None else path).resolve()
    about = f"The settings file {safe_line(path)}"
    try:
        before = read_settings_text(path) if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise HptuiError(f"{about} cannot be read: {safe_line(error)}.") from error
    after = with_filter(before, name, text)
    if after is None:
        raise HptuiError(
            f"{about} is written in a way that hptui cannot add a filter to.",
            hint=f"Add it by hand: {safe_line(_line_of(name, text), max_chars=400)}",
        )
    try:
        write_settings(after, path)
    except (OSError, UnicodeEncodeError) as error:
        raise HptuiError(f"{about} cannot be written: {safe_line(error)}.") from error


def with_filter(before: str, name: str, text: str) -> str | None:
    """Return a settings file's text with a filter added or replaced; None where that cannot be."""
    # Lines may end as on Windows; that stays.
    end = "\r" if "\r\n" in before else ""
    lines = before.removesuffix("\n").split("\n") if before else []
    header = next((at for at, each in enumerate(lines) if _HEADER.fullmatch(each)), None)
    line = _line_of(name, text) + end
    if header is None:
        gap = [end] if lines and lines[-1].strip() else []
        lines += [*gap, f"[filters]{end}", line]
    else:
        at, is_there = _place_of(name, lines, header)
        lines[at : at + is_there] = [line]
    after = "\n".join(lines) + "\n"
    return after if _has_only_that(before, after, name, text) else None


def _place_of(name: str, lines: list[str], header: int) -> tuple[int, bool]:
    """Return the index of a filter's line in its table, or else of where a new one goes."""
    last = header
    for at in range(header + 1, len(lines)):
        if lines[at].lstrip().startswith("["):
            break
        if name in _table(lines[at]):
            return at, True
        # A comment before the next table is about that one.
        if lines[at].strip() and not lines[at].lstrip().startswith("#"):
            last = at
    return last + 1, False


def _has_only_that(before: str, after: str, name: str, text: str) -> bool:
    """Say whether nothing has changed but the one filter."""
    try:
        old = tomllib.loads(before)
        new = tomllib.loads(after)
    except (tomllib.TOMLDecodeError, RecursionError):
        return False
    filters = old.get("filters", {})
    if not isinstance(filters, dict):
        return False
    return new == {**old, "filters": {**cast("dict[str, object]", filters), name: text}}


def _table(line: str) -> dict[str, object]:
    try:
        return tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return {}


def _line_of(name: str, text: str) -> str:
    key = name if _BARE_KEY.fullmatch(name) else _quoted(name)
    return f"{key} = {_quoted(text)}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

"""How keys are written for people: `?` for Textual's `question_mark`."""

from __future__ import annotations

from typing import Final

_SYMBOLS: Final = {
    "ampersand": "&",
    "apostrophe": "'",
    "asterisk": "*",
    "at": "@",
    "backslash": "\\",
    "circumflex_accent": "^",
    "colon": ":",
    "comma": ",",
    "dollar_sign": "$",
    "equals_sign": "=",
    "exclamation_mark": "!",
    "full_stop": ".",
    "grave_accent": "`",
    "greater_than_sign": ">",
    "left_curly_bracket": "{",
    "left_parenthesis": "(",
    "left_square_bracket": "[",
    "less_than_sign": "<",
    "minus": "-",
    "number_sign": "#",
    "percent_sign": "%",
    "plus": "+",
    "question_mark": "?",
    "quotation_mark": '"',
    "right_curly_bracket": "}",
    "right_parenthesis": ")",
    "right_square_bracket": "]",
    "semicolon": ";",
    "slash": "/",
    "tilde": "~",
    "underscore": "_",
    "vertical_line": "|",
}
_NAMES: Final = {symbol: name for name, symbol in _SYMBOLS.items()}
_SHORT: Final = {"escape": "esc", "pagedown": "page down", "pageup": "page up"}
_LONG: Final = {short: name for name, short in _SHORT.items()}
_NAMED: Final = frozenset(
    {"enter", "tab", "space", "backspace", "delete", "insert", "home", "end", "up", "down", "left"}
    | {"right", *_SHORT, *_SYMBOLS, *(f"f{number}" for number in range(1, 25))}
)
_MODIFIERS: Final = frozenset({"ctrl", "alt", "shift"})


def key_text(key: str) -> str:
    """Return a key of Textual's as people write it: `ctrl+p`, `F5`, `?`, `esc`."""
    *modifiers, last = key.split("+")
    shown = _SYMBOLS.get(last) or _SHORT.get(last) or last
    if last in _NAMED and last[0] == "f" and last[1:].isdigit():
        shown = last.upper()
    return "+".join((*modifiers, shown))


def key_name(text: str) -> str | None:
    """Return Textual's name of a key that a person wrote, or None when there is no such key."""
    if text == "+" or text.endswith("++"):
        modifiers, last = text[:-1].split("+")[:-1], "+"
    else:
        *modifiers, last = text.split("+")
    modifiers = [modifier.lower() for modifier in modifiers]
    name = _single(last)
    if name is None or not set(modifiers) <= _MODIFIERS:
        return None
    return "+".join((*modifiers, name))


def _single(text: str) -> str | None:
    if len(text) == 1:
        return _NAMES.get(text) or _character(text)
    lowered = text.lower()
    name = _LONG.get(lowered, lowered)
    return name if name in _NAMED else None


def _character(text: str) -> str | None:
    return text if text.isalnum() and text.isascii() else None

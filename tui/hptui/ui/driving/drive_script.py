"""Drive scripts: one step a line, what a person would do and see."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Final

from hptui.domain.texts.run_text import read_duration
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError
from hptui.ui.commands.key_names import key_name

DEFAULT_WAIT_S: Final = {"wait": 10.0, "wait-not": 10.0, "expect": 2.0, "expect-not": 2.0}
"""How long a step waits for what it names when it says no time."""
MAX_WAIT_S: Final = 3600.0
_SIZE: Final = re.compile(r"(\d{1,4})x(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Press:
    """Presses keys one after the other."""

    keys: tuple[str, ...]
    """As Textual names them."""


@dataclass(frozen=True, slots=True)
class Type:
    """Presses the key of each character."""

    text: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Waits until a text is on the screen, or until it is not."""

    text: str
    timeout_s: float
    is_wanted: bool


@dataclass(frozen=True, slots=True)
class Screenshot:
    """Writes the screen to a file: `.svg` a picture, `.txt` its text."""

    file: str


@dataclass(frozen=True, slots=True)
class Resize:
    """Gives the terminal another size, in cells."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Click:
    """Clicks a cell, counted from 0 at the top left."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Drag:
    """Presses the mouse button in one cell and releases it in another one."""

    start: Click
    end: Click


Action = Press | Type | Wait | Screenshot | Resize | Click | Drag


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a script."""

    line: int
    """From 1."""
    text: str
    action: Action


STEP_HELP: Final = (
    ("press KEY...", "press keys: n, ctrl+p, F5, enter, esc, space, ?, down"),
    ("type TEXT", "press the key of each character"),
    ('wait "TEXT" [TIME]', "wait until the screen shows it, or a message has, for 10s or TIME"),
    ('wait-not "TEXT" [TIME]', "wait until it does not"),
    ('expect "TEXT" [TIME]', "fail unless the screen shows it within 2s or TIME"),
    ('expect-not "TEXT" [TIME]', "fail unless it is gone within 2s or TIME"),
    ("screenshot FILE", "write the screen as .svg or .txt"),
    ("size WIDTHxHEIGHT", "resize the terminal"),
    ("click X Y", "click a cell, counted from 0 0 at the top left"),
    ("drag X Y X2 Y2", "drag the mouse from one cell to another"),
)
"""The steps there are, and what each does."""


def read_script(text: str) -> tuple[Step, ...]:
    """Return the steps of a script; empty lines and those that begin with `#` are left out.

    Raises:
        UsageError: A line is not a step; the message names it.
    """
    steps: list[Step] = []
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            try:
                steps.append(Step(number, stripped, _action(stripped)))
            except UsageError as error:
                hint = error.hint or "The steps: " + "; ".join(form for form, _ in STEP_HELP)
                raise UsageError(f"Line {number}: {error.message}", hint=hint) from error
    return tuple(steps)


def read_size(text: str) -> Resize:
    """Return the size that `120x40` means.

    Raises:
        UsageError: It is none, or outside of 1x1 to 1000x1000.
    """
    match = _SIZE.fullmatch(text)
    if match is None or not all(1 <= int(each) <= 1_000 for each in match.groups()):  # noqa: PLR2004
        raise UsageError(f"{safe_line(text, max_chars=60)!r} is not a size like 120x40.")
    return Resize(int(match[1]), int(match[2]))


def is_screenshot_file(name: str) -> bool:
    """Say whether a screenshot can be written to a file of this name."""
    return name.endswith((".svg", ".txt"))


def _action(line: str) -> Action:
    verb, _, rest = line.partition(" ")
    rest = rest.strip()
    match verb:
        case "press":
            return Press(_keys(rest))
        case "type":
            return Type(_unquoted(rest))
        case "wait" | "wait-not" | "expect" | "expect-not":
            return _wait(rest, DEFAULT_WAIT_S[verb], is_wanted=not verb.endswith("-not"))
        case "screenshot":
            return _screenshot(rest)
        case "size":
            return read_size(rest)
        case "click":
            (cell,) = _cells(rest, 1, "click needs a column and a row, like click 10 3.")
            return cell
        case "drag":
            start, end = _cells(rest, 2, "drag needs two cells, like drag 10 3 20 8.")
            return Drag(start, end)
        case _:
            raise UsageError(f"there is no step {safe_line(verb, max_chars=60)!r}.")


def _keys(rest: str) -> tuple[str, ...]:
    keys: list[str] = []
    for word in rest.split():
        key = key_name(word)
        if key is None:
            raise UsageError(
                f"there is no key {safe_line(word, max_chars=60)!r}.",
                hint="Keys are written n, N, ctrl+p, F5, enter, esc, space, tab, up, ?, page down "
                "is pagedown.",
            )
        keys.append(key)
    if not keys:
        raise UsageError("press needs a key.")
    return tuple(keys)


def _wait(rest: str, default_s: float, *, is_wanted: bool) -> Wait:
    words = _words(rest, 1, 2)
    timeout_s = read_duration(words[1]) if len(words) > 1 else default_s
    if timeout_s > MAX_WAIT_S:
        raise UsageError("a wait takes an hour at most")
    return Wait(words[0], timeout_s, is_wanted)


def _unquoted(rest: str) -> str:
    if len(rest) > 1 and rest[0] == rest[-1] == '"':
        return rest[1:-1]
    if not rest:
        raise UsageError("type needs a text.")
    return rest


def _words(rest: str, at_least: int, at_most: int) -> list[str]:
    try:
        words = shlex.split(rest)
    except ValueError:
        raise UsageError("a quotation mark is not closed.") from None
    if not at_least <= len(words) <= at_most or not words[0]:
        raise UsageError("quote a text that has blanks; it must not be empty.")
    return words


def _screenshot(rest: str) -> Screenshot:
    words = _words(rest, 1, 1)
    if not is_screenshot_file(words[0]):
        raise UsageError("a screenshot needs a file that ends in .svg or .txt.")
    return Screenshot(words[0])


def _cells(rest: str, count: int, needs: str) -> list[Click]:
    words = rest.split()
    if len(words) != 2 * count or not all(re.fullmatch(r"\d{1,4}", word) for word in words):
        raise UsageError(needs)
    numbers = list(map(int, words))
    return [Click(x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]

"""Random steps of somebody at the keys: a seed always gives the same ones."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.ui.commands.command_table import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOVING: Final = (
    *("up", "down", "left", "right", "enter", "escape", "tab", "shift+tab", "space", "backspace"),
    *("pageup", "pagedown", "home", "end", "delete", "j", "k", "g", "G", "ctrl+d", "ctrl+u"),
    *("ctrl+n", "ctrl+p", "ctrl+s", "ctrl+r", "ctrl+c", "ctrl+a", "ctrl+k", "f5", "d", "s", "c"),
)
CALLED: Final = tuple(key for each in COMMANDS for key in each.keys if each.id != "quit")
LETTERS: Final = "abcdefghijklmnoprstuvwxyz0123456789.,:;=<>!'\"()[]{}@#*+-_%&|^ äß漢🎉"
WORDS: Final = (
    *(
        "state = failed",
        "@none",
        "value < 1e308",
        "lr >",
        "[b]m",
        "[/x]",
        "x",
        "0.5",
        "-1",
        "1e999",
    ),
    *(
        "nan",
        "report",
        "theme",
        "export",
        "tomorrow",
        "digits-forest",
        "objectives.py:fast",
        "a" * 300,
    ),
)
PASTED: Final = (*WORDS, "one\ntwo\r\nthree", "\x1b]52;c;aGk=\x07\x9b1m\x00", "\u202eevil " * 50)
SIZES: Final = (
    *(
        (1, 1),
        (3, 10),
        (10, 3),
        (20, 5),
        (5, 40),
        (39, 11),
        (40, 12),
        (60, 20),
        (80, 24),
        (120, 40),
    ),
    *((180, 50), (250, 12), (44, 90)),
)


@dataclass(frozen=True)
class Step:
    """Something that happens: what, and with which arguments."""

    what: str
    arguments: tuple[str | int, ...] = ()
    is_last: bool = True
    """Whether the application has handled it, and those before, when the next one comes."""

    def __str__(self) -> str:
        more = " ".join(
            repr(each) if isinstance(each, str) else str(each) for each in self.arguments
        )
        return f"{self.what} {more}{'' if self.is_last else ' …at once…'}"


def steps_of(seed: int) -> Iterator[Step]:
    """Yield the steps of a seed, without an end."""
    rng = random.Random(seed)
    kinds = tuple(_KINDS)
    weights = [_WEIGHTS[kind] for kind in kinds]
    while True:
        n_at_once = 1 if rng.random() < 0.6 else rng.randint(2, 6)
        for left in reversed(range(n_at_once)):
            kind = rng.choices(kinds, weights)[0]
            for at, (what, *arguments) in enumerate(made := _KINDS[kind](rng)):
                is_last = left == 0 and at == len(made) - 1
                yield Step(str(what), tuple(arguments), is_last)


_Made = list[tuple[str | int, ...]]


def _twice(rng: random.Random) -> _Made:
    step = rng.choice((_move, _click, _call))(rng)
    return step * rng.randint(2, 3)


def _move(rng: random.Random) -> _Made:
    return [("press", rng.choice(MOVING))]


def _call(rng: random.Random) -> _Made:
    return [("press", rng.choice(CALLED))]


def _type(rng: random.Random) -> _Made:
    if rng.random() < 0.5:
        return [("press", letter) for letter in rng.choice(WORDS)[:20]]
    return [("press", rng.choice(LETTERS)) for _ in range(rng.randint(1, 4))]


def _place(rng: random.Random) -> tuple[int, int]:
    """Return a place in thousandths of the screen."""
    return rng.randrange(1000), rng.randrange(1000)


def _click(rng: random.Random) -> _Made:
    return [("click", *_place(rng))]


def _drag(rng: random.Random) -> _Made:
    return [("drag", *_place(rng), *_place(rng))]


def _scroll(rng: random.Random) -> _Made:
    return [("scroll", *_place(rng), rng.choice((-1, 1)))] * rng.randint(1, 5)


def _resize(rng: random.Random) -> _Made:
    size = rng.choice(SIZES) if rng.random() < 0.8 else (rng.randint(1, 200), rng.randint(1, 60))
    return [("size", *size)]


_KINDS: Final[dict[str, Callable[[random.Random], _Made]]] = {
    "move": _move,
    "call": _call,
    "twice": _twice,
    "type": _type,
    "click": _click,
    "drag": _drag,
    "scroll": _scroll,
    "resize": _resize,
    "paste": lambda rng: [("paste", rng.choice(PASTED))],
    "focus": lambda rng: [("blur",), ("focus",)],
    "wait": lambda rng: [("wait", rng.choice((20, 100, 400)))],
    "quit": lambda rng: [("press", "q")],
    "engine": lambda rng: [(rng.choice(("run", "run", "stop", "kill")),)],
    "files": lambda rng: [(rng.choice(("remove", "add", "damage")),)],
}
_WEIGHTS: Final = {
    **{"move": 30, "call": 26, "twice": 8, "type": 5, "click": 9, "drag": 2, "scroll": 3},
    **{"resize": 6, "paste": 2, "focus": 1, "wait": 6, "quit": 0.3, "engine": 0.7, "files": 0.4},
}

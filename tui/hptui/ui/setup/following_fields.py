"""The fields of the set-up form on what follows trials: checked, and spelled as options."""

from __future__ import annotations

import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from hptui.domain.following import PACKAGES, read_hook, read_log_to, read_notify
from hptui.errors import ObjectiveError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FollowingKey = Literal["callback", "on-best", "on-end", "log-to", "notify", "notify-best"]

FOLLOWING_KEYS: Final[tuple[FollowingKey, ...]] = get_args(FollowingKey)
NOTIFY_BEST: Final = ("no", "yes")
_LISTS: Final[tuple[FollowingKey, ...]] = ("callback", "log-to", "notify")
"""Fields that hold several words."""


def check_following(key: FollowingKey, text: str) -> None:
    """Check what was typed into a field.

    Raises:
        UsageError: It is no value for it; what may hold a password is not repeated.
    """
    if key == "notify-best":
        if text not in NOTIFY_BEST:
            raise UsageError("notify best must be yes or no.")
    elif key in _LISTS:
        for word in _words(text):
            try:
                _READERS[key](word)
            except ObjectiveError as error:
                raise UsageError(error.message, hint=error.hint) from error
    else:
        read_hook(text)


def notifies(texts: Mapping[Any, str]) -> bool:
    """Say whether anybody is told of the run's end."""
    return bool(texts.get("notify"))


def following_options(texts: Mapping[Any, str]) -> list[str]:
    """Return the options of `hptui run` for what stands in the fields."""
    options: list[str] = []
    for key in FOLLOWING_KEYS:
        text = texts.get(key, "")
        if key == "notify-best":
            options += ["--notify-best"] if text == "yes" and notifies(texts) else []
        elif text:
            # What begins with a dash is no option of ours.
            options += [f"--{key}={word}" for word in (_words(text) if key in _LISTS else [text])]
    return options


def following_problems(texts: Mapping[Any, str]) -> list[str]:
    """Return a sentence for each library that is missing for what stands in the fields."""
    trackings = [read_log_to(each) for each in _words(texts.get("log-to", ""))]
    trackings += [read_notify(each) for each in _words(texts.get("notify", ""))]
    return [
        f"{'Notifying' if kind == 'notify' else f'Logging to {kind}'} needs the package "
        f"{package}: pip install 'hptui[{kind}]'."
        for kind, package in PACKAGES.items()
        if any(each.kind == kind for each in trackings) and find_spec(package) is None
    ]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise UsageError("A quotation mark is not closed.") from None


def _read_callback(text: str) -> object:
    from hptui.registry.source.callback_ref import read_callback

    return read_callback(text, Path.cwd())


_READERS: Final[Mapping[FollowingKey, Callable[[str], object]]] = {
    "callback": _read_callback,
    "log-to": read_log_to,
    "notify": read_notify,
}

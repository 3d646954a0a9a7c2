"""Callbacks that a person names: what is called with the study and each trial that has ended."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from hptui.domain.objective import ObjectiveRef
from hptui.domain.text import safe_line
from hptui.errors import ObjectiveError
from hptui.registry.loading.load import LoadError, describe_error, load_attribute
from hptui.registry.source.modules import is_dotted_name

if TYPE_CHECKING:
    from pathlib import Path

Callback = Callable[[Any, Any], object]

_HINT = "Write --callback file.py:function or --callback package.module:function."


def read_callback(text: str, cwd: Path) -> ObjectiveRef:
    """Return where the code of a callback stands; nothing of it runs.

    Args:
        text: What a person typed: `file.py:function` or `package.module:function`.
        cwd: The folder that relative paths are looked for in.

    Raises:
        ObjectiveError: It is spelled otherwise, or there is no such file.
    """
    place, colon, attribute = text.rpartition(":")
    shown = safe_line(text, max_chars=80)
    if not colon or not place or not is_dotted_name(attribute) or not text.isprintable():
        raise ObjectiveError(f"--callback {shown!r} does not name a function.", hint=_HINT)
    if place.endswith(".py") or "/" in place:
        path = (cwd / place).resolve()
        if not path.is_file():
            raise ObjectiveError(f"There is no file {safe_line(place)}.", hint=_HINT)
        return ObjectiveRef("file", str(path), attribute, text)
    if not is_dotted_name(place):
        raise ObjectiveError(f"--callback {shown!r} does not name a function.", hint=_HINT)
    return ObjectiveRef("module", place, attribute, text)


def load_callback(ref: ObjectiveRef) -> Callback:
    """Import a callback: a function, an object that can be called, or a class of such objects.

    Raises:
        LoadError: It cannot be imported or called so.
    """
    value = load_attribute(ref)
    if isinstance(value, type):
        value = _made(cast("type[Any]", value), ref)
    shown = safe_line(ref.name)
    if not callable(value):
        raise LoadError(
            f"{shown} is a {type(value).__name__}, not a function that takes a study and a trial."
        )
    _require_takes_two(cast("Callback", value), shown)
    return cast("Callback", value)


def _require_takes_two(value: Callback, shown: str) -> None:
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        # Some that are written in C have none.
        return
    try:
        signature.bind(None, None)
    except TypeError:
        raise LoadError(
            f"{shown} takes {safe_line(signature, max_chars=80)}; a callback takes two arguments, "
            "the study and the trial.",
            hint="Write it as def callback(study, trial).",
        ) from None


def _made(kind: type[Any], ref: ObjectiveRef) -> object:
    try:
        return kind()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        text, detail = describe_error(error)
        raise LoadError(
            f"{safe_line(ref.name)}() fails: {text}",
            hint="Name a function, or an instance that the file makes.",
            detail=detail,
        ) from error

"""Callbacks that a person names: what is called with the study and each trial that has ended."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from hptui.domain.texts.text import safe_line
from hptui.registry.loading.load import LoadError, describe_error, load_attribute

if TYPE_CHECKING:
    from hptui.domain.objective import ObjectiveRef

Callback = Callable[[Any, Any], object]


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

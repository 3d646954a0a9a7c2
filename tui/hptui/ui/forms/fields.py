"""The fields of forms, and the checks of a file's path that a person types."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.errors import HptuiError
from hptui.storage.files.target import require_folder, require_free, require_replaceable

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class FormField:
    """One line of a form."""

    id: str
    label: str
    initial: str = ""
    placeholder: str = ""
    suggestions: tuple[str, ...] = ()
    """Texts that complete what is typed."""


def path_of(text: str) -> Path:
    """Return the path that a person typed, absolute."""
    try:
        return Path(text.strip()).expanduser().absolute()
    except RuntimeError:
        return Path(text.strip()).absolute()


def is_there(text: str) -> bool:
    """Say whether there is a file at the path `text`."""
    try:
        return "\0" not in text and path_of(text).exists()
    except OSError:
        return False


def place_problem(
    text: str, name_problem: Callable[[Path], str], *, can_replace: bool = True
) -> str:
    """Return why nothing can be written to the path `text`; empty where something can be.

    Args:
        text: What was typed.
        name_problem: Returns what is wrong with a file's name, as its ending; empty for nothing.
        can_replace: Whether a file that is there could be replaced.
    """
    if not text.strip() or "\0" in text:
        return "Enter a file path."
    target = path_of(text)
    if problem := name_problem(target):
        return problem
    try:
        require_folder(target)
        if not can_replace:
            require_free(target)
        require_replaceable(target)
    except HptuiError as error:
        return error.message
    except OSError as error:
        return f"That cannot be written: {error.strerror}."
    return ""


def ends_in(*suffixes: str) -> Callable[[Path], str]:
    """Return a `name_problem` for names with one of these endings; the first is asked for."""

    def problem_of(target: Path) -> str:
        is_right = target.suffix.lower() in suffixes
        return "" if is_right else f"Use a name that ends in {suffixes[0]}."

    return problem_of

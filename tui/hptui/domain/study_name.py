"""Names of studies that can become names of files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    from hptui.domain.objective import ObjectiveRef

MAX_NAME_CHARS: Final = 100
_MAX_BYTES: Final = 200
_UNFIT: Final = re.compile(r"[^\w. -]+")
_NAME: Final = re.compile(r"[^\W_](?:[\w. -]*[\w.-])?|_[\w.-]*")


def check_study_name(name: str) -> None:
    """Refuse names that cannot safely become a file's name.

    Raises:
        UsageError: The name is too long, or holds something else than letters, digits, dots,
            dashes, underscores and inner spaces, or begins with a dot or a dash.
    """
    if len(name) > MAX_NAME_CHARS or not _NAME.fullmatch(name):
        raise UsageError(
            f"{safe_line(name, max_chars=60)!r} cannot be a study's name.",
            hint="Use letters, digits, dots, dashes and underscores, at most "
            f"{MAX_NAME_CHARS}, not beginning with a dot or dash.",
        )


def fitting_name(name: str, suffix: str = "") -> str:
    """Return a name like `name`, with a suffix, that a study can have."""
    room = MAX_NAME_CHARS - len(suffix)
    if len(name) > room or not _NAME.fullmatch(name):
        name = _UNFIT.sub("-", name).strip(" .-")[:room].rstrip(" .-")
    # Names of files are measured in bytes.
    while len(name.encode()) > _MAX_BYTES:
        name = name[:-1].rstrip(" .-")
    if name.startswith("_"):
        name = name.replace(" ", "-")
    return (name or "study") + suffix


def default_study_name(ref: ObjectiveRef) -> str:
    """Return a study name for an objective: its registered name, or its file's and function's."""
    if ref.kind == "file":
        stem = Path(ref.target).stem
        name = stem if ref.attribute in ("objective", stem) else f"{stem}-{ref.attribute}"
    elif ref.kind == "command":
        name = Path(ref.name).stem
    elif ref.kind == "script":
        stem = Path(ref.target).stem
        name = f"{stem}-{ref.attribute}" if ref.attribute else stem
    elif ":" in ref.name:
        name = f"{ref.target.rpartition('.')[2]}-{ref.attribute}"
    else:
        name = ref.name
    return fitting_name(re.sub(r"[^\w.-]+", "-", name).strip("-._")[:MAX_NAME_CHARS])


def file_name_for(study_name: str, suffix: str) -> str:
    """Return a file's name for what is written of a study, whatever the study is called."""
    plain = _UNFIT.sub("_", study_name)[:MAX_NAME_CHARS]
    # A letter may take four bytes, and file systems count those.
    short = plain.encode()[:_MAX_BYTES].decode(errors="ignore").strip(" .")
    return f"{short or 'study'}{suffix}"

"""Small files beside studies and in a user's folders: anybody may have put anything there."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Any, cast

from hptui.domain.texts.json_values import read_json

if TYPE_CHECKING:
    from pathlib import Path


def open_side_file(
    path: str | os.PathLike[str],
    flags: int = os.O_RDONLY,
    *,
    mode: int = 0o600,
    follow_link: bool = False,
) -> int:
    """Open a regular file and return its descriptor; anything else is refused, never waited for.

    Args:
        path: The file.
        flags: As for `os.open`.
        mode: Who may do what with a file that this makes.
        follow_link: Whether the file itself may be a link, as people make them in their home.

    Raises:
        OSError: It is not there, is a link, is no regular file, or may not be opened.
    """
    flags |= os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
    descriptor = os.open(path, flags if follow_link else flags | os.O_NOFOLLOW, mode)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", os.fspath(path))
        os.set_blocking(descriptor, True)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_side_file(
    path: str | os.PathLike[str], max_bytes: int, *, follow_link: bool = False
) -> str:
    """Return the text of a small file.

    Raises:
        OSError: As `open_side_file` does, or the file is longer than `max_bytes`.
        UnicodeDecodeError: It is not UTF-8.
    """
    with os.fdopen(open_side_file(path, follow_link=follow_link), "rb") as stream:
        data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise OSError(errno.EFBIG, f"Longer than {max_bytes:,} bytes", os.fspath(path))
    return data.decode("utf-8")


def read_side_object(path: str | os.PathLike[str], max_bytes: int) -> dict[str, Any]:
    """Return the JSON object in a small file; an empty one where there is none, or no such file."""
    try:
        found: object = read_json(read_side_file(path, max_bytes))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, as a whole.

    Raises:
        OSError: It cannot be written.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(open_side_file(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as stream:
            stream.write(text.encode("utf-8", "replace"))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def link_on_the_way(path: Path, top: Path) -> Path | None:
    """Return the link that `path` is, or that a folder on the way to it from `top` is.

    What such a link leads to may be anything, such as another study's folder.

    Args:
        path: A path below `top`; it need not exist.
        top: A folder that may be a link itself.
    """
    each = path
    while each != top and each != each.parent:
        if each.is_symlink():
            return each
        each = each.parent
    return None

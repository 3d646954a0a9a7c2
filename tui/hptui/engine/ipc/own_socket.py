"""Whether an engine's socket, and who is at its other end, are this person's own.

A lease is a file beside the study, which anybody may have written: it may name any socket.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
from pathlib import Path
from typing import Final

from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

_CREDENTIALS: Final = struct.Struct("3i")
"""Linux's `struct ucred`: pid, uid, gid."""
_STEERED_BY: Final = "Only the user who started it can control it."


def require_own_lease(path: Path) -> None:
    """Refuse a lease that somebody else has written.

    Raises:
        UsageError: It is one.
        OSError: It is not there.
    """
    if path.lstat().st_uid != os.geteuid():
        raise UsageError(
            f"The run belongs to another user: {safe_line(path)} is not yours.", hint=_STEERED_BY
        )


def require_own_socket(path: str) -> None:
    """Refuse a socket that does not stand in a private folder of this person's.

    Raises:
        UsageError: It is one.
        OSError: It, or its folder, is not there.
    """
    no_socket = UsageError(
        f"{safe_line(path)!r} is not the socket of an engine of yours.", hint=_STEERED_BY
    )
    place = Path(path)
    if not place.is_absolute():
        raise no_socket
    try:
        folder, state = place.parent.lstat(), place.lstat()
    except ValueError as error:
        # A NUL begins an abstract address, which belongs to nobody.
        raise no_socket from error
    is_own = folder.st_uid == state.st_uid == os.geteuid()
    is_private = stat.S_ISDIR(folder.st_mode) and not folder.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    if not (is_own and is_private and stat.S_ISSOCK(state.st_mode)):
        raise no_socket


def is_own_peer(connection: socket.socket) -> bool:
    """Say whether a process of this person is at the other end; True where that is not told."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return True
    told = connection.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(told)
    return uid == os.geteuid()

"""A client's end of a running engine: finds it by the study's lease and asks over its socket."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from hptui.domain.texts.text import safe_line
from hptui.engine.ipc.message_schema import check_answer
from hptui.engine.ipc.own_socket import is_own_peer, require_own_lease, require_own_socket
from hptui.engine.ipc.protocol import Lines, Message, ProtocolError, pack, unpack
from hptui.engine.recovery.lease import LEASE, Lease, busy_error, folder_of, read_lease
from hptui.errors import HptuiError, UsageError
from hptui.storage.files.study_folder import run_file

if TYPE_CHECKING:
    from pathlib import Path


def running_engine(study_file: Path, study: str) -> Lease | None:
    """Return the lease of the engine that runs a study now, or None."""
    lease = read_lease(study_file, study)
    is_engine = lease is not None and lease.is_alive and not lease.is_for_a_moment
    return lease if is_engine else None


def ask_engine(
    study_file: Path, study: str, message: Message, *, timeout_s: float = 30.0
) -> Message:
    """Send one request to the engine that runs a study and return its answer.

    Raises:
        UsageError: No engine runs it, or the engine refuses; says why.
        HptuiError: The engine does not answer within `timeout_s`, or with what cannot be an answer.
    """
    study_file = run_file(study_file, study)
    lease = running_engine(study_file, study)
    if lease is not None and lease.is_unseen:
        raise busy_error(study_file, lease)
    if lease is None:
        raise UsageError(
            f"No engine runs {safe_line(study)} now.", hint="hptui run OBJECTIVE --study NAME does."
        )
    if not lease.is_here:
        raise UsageError(f"{safe_line(study)} is running on {safe_line(lease.host)}, not here.")
    meant = {"study": study, "inode": lease.inode}
    try:
        require_own_lease(folder_of(study_file, study) / LEASE)
        require_own_socket(lease.socket)
        answer = _exchange(lease, {**message, **meant}, timeout_s)
        check_answer(message, answer)
    except ProtocolError as error:
        raise HptuiError(
            f"The answer of the engine (process {lease.pid}) cannot be read: {error.message}.",
            hint="It may be of another version of hptui.",
        ) from error
    except TimeoutError as error:
        raise HptuiError(
            f"The engine (process {lease.pid}) did not answer within {timeout_s:g} s."
        ) from error
    except OSError as error:
        raise HptuiError(
            f"The engine (process {lease.pid}) cannot be reached: {error.strerror or error}."
        ) from error
    if not answer.get("ok"):
        raise UsageError(str(answer.get("message")), hint=str(answer.get("hint", "")))
    return answer


def _exchange(lease: Lease, message: Message, timeout_s: float) -> Message:
    deadline_s = time.monotonic() + timeout_s
    lines = Lines()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        connection.connect(lease.socket)
        if not is_own_peer(connection):
            raise UsageError("Another user answered instead of the engine.")
        connection.sendall(pack(message))
        while True:
            # All of the answer counts, however slowly its bytes come.
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            connection.settimeout(left_s)
            data = connection.recv(65536)
            if not data:
                raise HptuiError("The engine has just ended.")
            found = lines.feed(data)
            if found:
                return unpack(found[0])

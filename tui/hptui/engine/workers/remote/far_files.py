"""The files of a worker on another machine: its log, its folders, and whether they are shared."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hptui.engine.workers.trial_logs import free_middle
from hptui.errors import ObjectiveError
from hptui.storage.files.leases import LEASE
from hptui.storage.files.side_files import open_side_file, read_side_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.domain.objective import ObjectiveRef
    from hptui.engine.ipc.protocol import Message

_AT_ONCE: Final = 256 * 1024
"""Bytes of a log in one message."""
_BACKLOG: Final = 4 * 1024 * 1024
"""Of a log that grows faster than it can be sent, the middle is left out."""
_MAX_LEASE: Final = 100_000
_TAIL: Final = 4_000
_OWN_SOCKET: Final = "worker.sock"


@dataclass(slots=True)
class _Log:
    """The log of the trial that runs."""

    number: int
    path: Path
    offset: int = 0


@dataclass(slots=True, kw_only=True)
class FarFiles:
    """Where things are on this machine."""

    folder: Path
    """The agent's own, which goes with it."""
    home: Path
    """The working directory of trials."""
    code: Path | None
    """Where the objective's code was unpacked; None: it has the same path here."""
    engine_socket: str
    """The engine's socket on its own machine, by which a shared folder is known."""
    may_share: bool
    scratch: Path
    """Where trials leave files, where the study's folder is not to be reached."""
    max_files: int
    """How many files a worker may have open."""
    _is_shared: bool | None = None
    _log: _Log | None = None
    _scratch_of_trial: Path | None = None

    @classmethod
    def of(cls, config: dict[str, Any], folder: Path, shipped: str, max_files: int) -> FarFiles:
        """Return the files as the engine's configuration says."""
        code = Path(shipped) / "code" if shipped else None
        home = Path(config["home"])
        if code is not None and not home.is_dir():
            home = code
        kept = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
        label = re.sub(r"[^A-Za-z0-9._-]+", "_", str(config["label"]))[:80] or "run"
        return cls(
            folder=folder,
            home=home,
            code=code,
            engine_socket=str(config["engine"]),
            may_share=bool(config.get("may_share", True)),
            scratch=kept / "hptui" / "scratch" / label,
            max_files=max_files,
        )

    @property
    def socket(self) -> Path:
        """Where the worker finds the agent."""
        return self.folder / _OWN_SOCKET

    @property
    def process_log(self) -> Path:
        """What the worker process prints outside its trials."""
        return self.folder / "worker.log"

    def require_home(self) -> None:
        """Refuse to run trials on a machine without their working directory.

        Raises:
            ObjectiveError: It is not there.
        """
        if not self.home.is_dir():
            raise ObjectiveError(
                f"There is no folder {self.home}.",
                hint="Give it the same path there, or add --code ship.",
            )

    def located(self, ref: ObjectiveRef) -> ObjectiveRef:
        """Return the objective as it is found here."""
        if self.code is None:
            return ref
        return replace(ref, target=str(self.code / ref.target))

    # -- trials

    def begin(self, order: Message) -> Message:
        """Return the order to run a trial, with the places that its log and folder have here."""
        log, number = Path(order["log"]), int(order["n"])
        if self._is_shared is None:
            self._is_shared = self.may_share and self._is_study_folder(log.parent.parent)
        if self._is_shared:
            return order
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        self.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._log = _Log(number, logs / f"{number}.log")
        self._scratch_of_trial = self.scratch / f"{number:06d}"
        return order | {"log": str(self._log.path), "scratch": str(self._scratch_of_trial)}

    def _is_study_folder(self, folder: Path) -> bool:
        """Say whether a folder is the engine's own study folder: its lease names the engine."""
        try:
            lease = read_side_object(folder / LEASE, _MAX_LEASE)
        except (OSError, ValueError):
            return False
        return lease.get("socket") == self.engine_socket and os.access(folder / "logs", os.W_OK)

    def end(self, done: Message) -> Iterator[Message]:
        """Yield what precedes the end of a trial: the rest of its log, and the folder it keeps."""
        yield from self.news(to_end=True)
        scratch, self._scratch_of_trial = self._scratch_of_trial, None
        if scratch is not None and done.get("state") == "complete" and _holds_files(scratch):
            yield {"op": "kept", "folder": str(scratch)}
        if self._log is not None:
            # The worker may make it the next trial's.
            self._log = None

    def news(self, *, to_end: bool = False) -> Iterator[Message]:
        """Yield what the log of the running trial has gained, a part or with `to_end` all of it."""
        log = self._log
        if log is None:
            return
        free_middle(log.path)
        try:
            fd = open_side_file(log.path)
        except OSError:
            return
        try:
            size = os.fstat(fd).st_size
            if size < log.offset:
                log.offset = 0
            if size - log.offset > _BACKLOG:
                if not log.offset:
                    # How it begins says what it is.
                    log.offset = _AT_ONCE
                    yield _logged(log.number, os.pread(fd, _AT_ONCE, 0))
                left_out = size - log.offset - 2 * _AT_ONCE
                log.offset += left_out
                yield _logged(log.number, f"\n[hptui left out {left_out:,} bytes here]\n".encode())
            while log.offset < size:
                data = os.pread(fd, min(_AT_ONCE, size - log.offset), log.offset)
                if not data:
                    return
                log.offset += len(data)
                yield _logged(log.number, data)
                if not to_end:
                    return
        except OSError:
            return
        finally:
            os.close(fd)

    def last_news(self) -> Iterator[Message]:
        """Yield the last output of a trial that died, and of its worker, and clean up after it."""
        yield from self.news(to_end=True)
        if self._scratch_of_trial is not None:
            shutil.rmtree(self._scratch_of_trial, ignore_errors=True)
        with contextlib.suppress(OSError), self.process_log.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _TAIL))
            data = stream.read(_TAIL)
            if data:
                yield _logged(None, data)

    def close(self) -> None:
        """Remove folders in which nothing was kept."""
        with contextlib.suppress(OSError):
            for each in self.scratch.iterdir():
                with contextlib.suppress(OSError):
                    each.rmdir()
            self.scratch.rmdir()


def adopt_socket(path: str, folder: Path) -> str:
    """Move the socket that leads to the engine into the agent's folder, and return its path.

    ssh leaves it where it has made it, and here it goes with the folder. Where it cannot be moved
    it is left where it is.
    """
    own = folder / "engine.sock"
    with contextlib.suppress(OSError):
        os.rename(path, own)  # noqa: PTH104 - a link would be followed
        return str(own)
    return path


def _holds_files(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _logged(number: int | None, data: bytes) -> Message:
    # Any bytes come through: those that are no UTF-8 as lone surrogates, which JSON can spell.
    return {"op": "log", "n": number, "data": data.decode("utf-8", "surrogateescape")}


def bytes_of(data: str) -> bytes:
    """Return the bytes of a part of a log."""
    try:
        return data.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return data.encode("utf-8", "backslashreplace")

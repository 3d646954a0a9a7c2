"""The processes that keep mirrors in step with their sources while the application is open."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line
from hptui.storage.mirror.address import parse_storage
from hptui.storage.mirror.mirrors import (
    mirror_path,
    mirror_state,
    remember_source,
    source_of_mirror,
    tell_state,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hptui.storage.mirror.address import SourceAddress

_ENDING_S: Final = 2.0


class SourceFollowers:
    """Starts `hptui mirror --follow` for each source; the processes end with this one."""

    def __init__(self) -> None:
        self._processes: dict[Path, subprocess.Popen[bytes]] = {}
        self._names: dict[Path, str] = {}

    def mirrors(self) -> Mapping[Path, str]:
        """Return the files that mirror the storages of the settings, with their names there."""
        return dict(self._names)

    def follow(self, address: SourceAddress) -> None:
        """Keep the mirror of a source in step from now on."""
        path = mirror_path(address)
        if path in self._processes:
            return
        remember_source(address)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "hptui", "mirror", "-", "--follow"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._processes[path] = process
        assert process.stdin is not None, "it is a pipe"
        # Not on the command line, which everybody may read; the end of the pipe ends the process.
        study = "" if address.study is None else f"#{address.study}"
        with contextlib.suppress(OSError):
            process.stdin.write(f"{address.url}{study}\n".encode("utf-8", "surrogateescape"))
            process.stdin.flush()

    def unlock(self, path: Path, password: str) -> None:
        """Follow a source with a password, which stays in the memory of these processes."""
        address = source_of_mirror(path)
        if address is None:
            return
        process = self._processes.pop(path, None)
        if process is not None:
            _end([process])
        state = mirror_state(path)
        if state is not None:
            # Whether the password is right has still to be heard.
            state = replace(state, trouble="It is being read again.", wants_password=False)
            with contextlib.suppress(OSError):
                tell_state(path, state)
        self.follow(address.with_password(password))

    def nudge(self) -> None:
        """Have all sources looked at now: something was changed there."""
        for process in self._processes.values():
            if process.stdin is not None:
                with contextlib.suppress(OSError, ValueError):
                    process.stdin.write(b"\n")
                    process.stdin.flush()

    def follow_storages(self, storages: Mapping[str, str]) -> list[str]:
        """Follow the storages of the settings; return a sentence for each that cannot be."""
        troubles: list[str] = []
        for name, text in storages.items():
            address = parse_storage(text)
            if address is None:
                troubles.append(
                    f"The storage {safe_line(name)} of the settings, {safe_line(text)}, is no "
                    "address of a server and no journal."
                )
                continue
            self._names[mirror_path(address)] = name
            self.follow(address)
        return troubles

    def stop(self) -> None:
        """End all of the processes; what they have written is whole at any moment."""
        processes, self._processes = list(self._processes.values()), {}
        _end(processes)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

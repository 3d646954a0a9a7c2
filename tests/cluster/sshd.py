"""OpenSSH's server on loopback, with keys, a port and a configuration of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
import pytest
from tests.e2e.far_runs import told_in
from tests.waiting import DEADLINE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Generator

_PLACES: Final = "/usr/sbin:/usr/local/sbin:/sbin:" + os.environ.get("PATH", "")
_SERVER: Final = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/allowed
PidFile {folder}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
SetEnv TOLD={told} XDG_DATA_HOME={data}
"""
_CLIENT: Final = """\
Host *
  HostName 127.0.0.1
  Port {port}
  IdentityFile {folder}/{key}
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known
  StrictHostKeyChecking accept-new
"""


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    folder: Path
    process: subprocess.Popen[bytes]

    def variables(self, *, key: str = "own") -> dict[str, str]:
        """Return what a run needs to reach it, under any host's name."""
        return {
            "HPTUI_SSH": f"ssh -F {self.folder / key}.config",
            **told_in(self.folder),
        }

    def sessions(self) -> list[psutil.Process]:
        """Return the processes that serve connections."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []


def find_server() -> str | None:
    """Return the path of OpenSSH's server, where its client is there, too."""
    return shutil.which("sshd", path=_PLACES) if shutil.which("ssh") else None


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def server_in(folder: Path) -> Generator[Server]:
    """Run a server whose files are in a folder; skips where there is none to run."""
    program = find_server()
    if program is None:
        pytest.skip("OpenSSH is not installed: apt-get install openssh-server openssh-client")
    if os.getuid() == 0:
        # Where it gives up its rights.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "own", "other"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    shutil.copy(folder / "own.pub", folder / "allowed")
    port = _free_port()
    told = told_in(folder)
    (folder / "config").write_text(
        _SERVER.format(port=port, folder=folder, told=told["TOLD"], data=told["XDG_DATA_HOME"])
    )
    for key in ("own", "other"):
        (folder / f"{key}.config").write_text(_CLIENT.format(port=port, folder=folder, key=key))
    process = subprocess.Popen([program, "-D", "-f", str(folder / "config"), "-E", folder / "log"])
    try:
        wait_until(lambda: _answers(port), "the server answers")
        yield Server(folder, process)
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False

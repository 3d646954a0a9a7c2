"""Runs whose workers are on other machines: here they are this one, behind a stand-in for ssh."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SOURCE = Path(__file__).with_name("objectives_far_away.py")
STAND_IN = """\
#!/bin/sh
# Stands for ssh: the other machine is this one, and of a host called `nowhere` nobody knows.
while [ $# -gt 0 ]; do
  case "$1" in
    -R)
      engine="${2#*:}"
      if [ -n "$SWALLOWING" ]; then
        echo "$engine" > "$SWALLOWING.engine"
        engine="$SWALLOWING"
      fi
      ln -s "$engine" "${2%%:*}"; shift 2;;
    -o|-S) shift 2;;
    --) shift; break;;
    *) shift;;
  esac
done
if [ "$1" = nowhere ]; then
  echo "ssh: Could not resolve hostname nowhere: Name or service not known" >&2
  exit 255
fi
shift
exec sh -c "$*"
"""


def stand_in(folder: Path) -> dict[str, str]:
    """Return the variables with which a run takes a stand-in for ssh."""
    path = folder / "ssh"
    path.write_text(STAND_IN)
    path.chmod(0o700)
    return {"HPTUI_SSH": str(path), **told_in(folder)}


class Swallowing:
    """Stands between agents and the engine, and swallows what both say once it is told to."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "between"
        self.swallows = False
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(os.path.relpath(self.path))
        listener.listen()
        self._sockets = [listener]
        self._threads: list[threading.Thread] = []
        self._start(self._accept, listener)

    def _start(self, target: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=target, args=arguments)
        thread.start()
        self._threads.append(thread)

    @property
    def variables(self) -> dict[str, str]:
        """What tells the stand-in of it."""
        return {"SWALLOWING": str(self.path)}

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = listener.accept()
                there = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self._sockets += [here, there]
                there.connect(Path(f"{self.path}.engine").read_text().strip())
                self._start(self._carry, here, there)
                self._start(self._carry, there, here)

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                if not self.swallows:
                    other.sendall(data)
        if not self.swallows:
            _shut(other)

    def close(self) -> None:
        """Close all connections."""
        for each in self._sockets:
            _shut(each)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


PYTHON: Final = """\
#!/bin/sh
# Starts agents as another version of hptui would: the words before theirs are -P -m MODULE.
shift 3
exec '{python}' -P -c '
import sys
from hptui.engine.workers.remote import agent, greeting
greeting.PROTOCOL = 99
agent.main(sys.argv[1])
' "$@"
"""


def python_of_another_protocol(folder: Path) -> str:
    """Return the path of a Python whose agents speak another protocol."""
    path = folder / "other-python"
    path.write_text(PYTHON.format(python=sys.executable))
    path.chmod(0o700)
    return str(path)


def told_in(folder: Path) -> dict[str, str]:
    """Return the variables of a run whose objectives say in a folder which processes there are."""
    told = folder / "told"
    told.mkdir(exist_ok=True)
    return {"TOLD": str(told), "XDG_DATA_HOME": str(folder / "data")}


def wait_for_trial(folder: Path, number: int) -> dict[str, psutil.Process]:
    """Wait until a trial has begun; returns its processes by what they are, if they still live."""
    began = folder / "told" / f"began-{number}"
    wait_until(began.exists, f"trial {number} began")
    processes: dict[str, psutil.Process] = {}
    for name, pid in json.loads(began.read_text()).items():
        with contextlib.suppress(psutil.NoSuchProcess):
            processes[name] = psutil.Process(pid)
    return processes


def wait_for_ends(processes: Iterable[psutil.Process]) -> None:
    """Wait until processes have ended, all of them."""
    for process in processes:
        wait_until(lambda each=process: not lives(each), f"{process} ended")


def lives(process: psutil.Process) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def let_go(folder: Path) -> None:
    """Let the trials end that wait."""
    (folder / "told" / "go").touch()


def temporary_entries(folder: Path) -> list[str]:
    """Return what runs have left in their folder for temporary files."""
    return sorted(os.listdir(folder))

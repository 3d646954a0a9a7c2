"""Runs whose workers are on other machines: here they are this one, behind a stand-in for ssh."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable

SOURCE = Path(__file__).with_name("objectives_far_away.py")
STAND_IN = """\
#!/bin/sh
# Stands for ssh: the other machine is this one, and of a host called `nowhere` nobody knows.
while [ $# -gt 0 ]; do
  case "$1" in
    -R) ln -s "${2#*:}" "${2%%:*}"; shift 2;;
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

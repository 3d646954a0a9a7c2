"""What a worker leaves running: killed, waited for, and told of where it does not end."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.waiting import wait_until

from hptui.engine.workers import orphans
from hptui.engine.workers.machine.places import Place
from hptui.engine.workers.orphans import OrphanedProcesses

if TYPE_CHECKING:
    import pytest

MARK = "HPTUI_WORKER=0123"
NOBODY = 1 << 29
"""A process id that the system never gives."""


def leave() -> subprocess.Popen[bytes]:
    """Start what a dead worker's trial may have left: it has a session of its own."""
    name, _, value = MARK.partition("=")
    # The shell keeps a child that only descent tells of.
    process = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; env -i sleep 600 & wait"],
        env={**os.environ, name: value},
        start_new_session=True,
    )
    # A program that has just been started has no environment for a moment.
    environment = Path(f"/proc/{process.pid}/environ")
    wait_until(lambda: MARK.encode() in environment.read_bytes(), "the start of the shell")
    return process


def test_what_is_left_is_killed_and_is_gone_when_it_has_ended() -> None:
    process = leave()
    left = OrphanedProcesses(NOBODY, MARK, [], None, 0.0)
    wait_until(left.is_gone, "the end of what was left")
    assert left.give_up() == []
    # No zombie stays.
    assert not os.path.exists(f"/proc/{process.pid}")
    process.wait()
    assert OrphanedProcesses(NOBODY, MARK, [], None, 0.0).is_gone()


def test_what_does_not_end_is_named_and_no_longer_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = leave()

    def has_not(process: object, fd: int | None) -> bool:
        del process, fd
        return False

    monkeypatch.setattr(orphans, "_has_ended", has_not)
    left = OrphanedProcesses(NOBODY, MARK, [], Place(("3",)), 100.0)
    assert not left.is_gone()
    assert left.until_s == 110.0
    (sentence,) = left.give_up()
    assert "did not end within 10 s of being killed" in sentence
    assert f"killed: {process.pid}" in sentence
    assert "The next worker starts anyway on GPU 3" in sentence
    process.wait()

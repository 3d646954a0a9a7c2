"""Kills commands at every file system call: `python -m tests.e2e.kill_by_strace [CASE ...]`.

Each command runs in a fork of this process that strace follows, so that no time goes into starting
Python. Prints for each case how many kills of which calls there were; the exit code is 1 when a
kill left something that was not mended.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Final

from tests.e2e.kill_cases import (
    CASES,
    check,
    expected,
    fresh,
    hptui,
    make_folder,
    place_of_files,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.kill_cases import Case

_EACH: Final = (
    *("link", "linkat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "symlink"),
    *("symlinkat", "mkdir", "mkdirat", "rmdir", "fsync", "fdatasync", "ftruncate", "fallocate"),
)
_MANY: Final = {"write": 3, "pwrite64": 7, "openat": 23}
"""Calls of which there are hundreds, and how many of them lie between two kills."""
_CALL: Final = re.compile(r"^\d+ +(\w+)\(", re.MULTILINE)


def _follow(folder: Path, case: Case, notes: Path, *options: str) -> int:
    """Run a case's command in a fork that strace follows; return the fork's exit code."""
    pid = os.fork()
    if pid == 0:
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(hptui(folder, *case.words)[0])
    os.waitpid(pid, os.WUNTRACED)
    with subprocess.Popen(
        ["strace", "-f", "-o", str(notes), *options, "-p", str(pid)],
        stderr=subprocess.PIPE,
        text=True,
    ) as strace:
        assert strace.stderr is not None
        said = strace.stderr.readline()
        os.kill(pid, signal.SIGCONT if "attached" in said else signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert "attached" in said, said
    return code


def _points(folder: Path, case: Case, notes: Path) -> list[tuple[str, int]]:
    """Return the calls that a case's command makes: which, and the how many-th of its kind."""
    calls = f"trace={','.join((*_EACH, *_MANY))}"
    assert _follow(folder, case, notes, "-e", calls) == 0
    counted = Counter(_CALL.findall(notes.read_text("utf-8", "replace")))
    return [
        (call, number)
        for call, count in sorted(counted.items())
        for number in range(1, count + 1, _MANY.get(call, 1))
    ]


def sweep(name: str, place: Path) -> int:
    """Kill a case's command at each of its calls; print what came of it, return how often badly."""
    case, base, folder = CASES[name], place / "base", place / "studies"
    of = expected(base, folder, case)
    fresh(base, folder, case)
    points = _points(folder, case, place / "calls")
    n_bad = 0
    for index, (call, number) in enumerate(points):
        fresh(base, folder, case)
        options = (f"trace={call}", f"inject={call}:signal=KILL:when={number}")
        _follow(folder, case, place / "calls", "-e", options[0], "-e", options[1])
        trouble = check(folder, case, of, next_command=index % 2 == 0)
        n_bad += bool(trouble)
        for each in trouble:
            print(f"  {name}, killed at {call} number {number}: {each}", flush=True)
    kinds = ", ".join(f"{count} {call}" for call, count in Counter(c for c, _ in points).items())
    print(f"{name}: {len(points)} kills ({kinds}), {n_bad} bad", flush=True)
    return n_bad


def main(names: list[str]) -> int:
    """Sweep these cases, or all."""
    if shutil.which("strace") is None:
        print("strace is not installed; nothing is tested.")
        return 0
    with place_of_files() as place:
        make_folder(place / "base")
        n_bad = sum(sweep(name, place) for name in names or CASES)
    return int(n_bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

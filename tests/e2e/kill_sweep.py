"""Kills commands at their steps, in forks of one process, and checks what becomes of them.

`python -m tests.e2e.kill_sweep FIRST EVERY [CASE ...]` kills each command at one step in `EVERY`,
from `FIRST` on, and prints for each case how many kills there were and what was wrong, as JSON. A
step is a call that changes files, or an SQL statement that begins or ends a transaction.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3.dbapi2
import sys
from typing import TYPE_CHECKING, Any, Final

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
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.kill_cases import Case

_CALLS: Final = (
    "link",
    "mkdir",
    "remove",
    "rename",
    "replace",
    "rmdir",
    "unlink",
    "fsync",
    "write",
)
_STATEMENT: Final = re.compile(
    r"\s*(BEGIN|COMMIT|VACUUM|PRAGMA (journal_mode|wal_checkpoint))", re.IGNORECASE
)
_KILLED: Final = 77


class _Steps:
    """Counts the steps of this process, and ends it before the last one that it may begin."""

    def __init__(self, last: int) -> None:
        self.count = 0
        self._last = last
        for name in _CALLS:
            setattr(os, name, self._counted(getattr(os, name)))
        for module in (sqlite3, sqlite3.dbapi2):
            vars(module)["connect"] = self._traced(vars(module)["connect"])

    def step(self) -> None:
        if self.count == self._last:
            os._exit(_KILLED)
        self.count += 1

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **more: Any) -> Any:
            self.step()
            return call(*arguments, **more)

        return counted

    def _traced(self, connect: Callable[..., Any]) -> Callable[..., Any]:
        def traced(*arguments: Any, **more: Any) -> Any:
            connection: sqlite3.Connection = connect(*arguments, **more)

            def look_at(statement: str) -> None:
                if _STATEMENT.match(statement):
                    self.step()

            connection.set_trace_callback(look_at)
            return connection

        return traced


def _killed_before(folder: Path, case: Case, step: int) -> bool:
    """Run a case's command in a fork that is killed before a step; False where it ends before."""
    pid = os.fork()
    if pid == 0:
        _Steps(step)
        code, _ = hptui(folder, *case.words)
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, _KILLED), f"at step {step} the command failed with {code}"
    return code == _KILLED


def sweep(case: Case, place: Path, first: int, every: int) -> dict[str, Any]:
    """Kill a case's command at one step in `every`; return how often, and what was wrong."""
    base, folder = place / "base", place / "studies"
    of = expected(base, folder, case)
    trouble: list[str] = []
    step = first
    while True:
        fresh(base, folder, case)
        if not _killed_before(folder, case, step):
            return {"kills": len(range(first, step, every)), "wrong": trouble}
        found = check(folder, case, of, next_command=step % 2 == 0)
        trouble += [f"step {step}: {each}" for each in found]
        step += every


if __name__ == "__main__":
    first_step, one_in = map(int, sys.argv[1:3])
    with place_of_files() as whole:
        make_folder(whole / "base")
        told = {
            name: sweep(CASES[name], whole, first_step, one_in) for name in sys.argv[3:] or CASES
        }
    print(json.dumps(told))

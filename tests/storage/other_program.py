"""Another program that holds a study file's lock."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.waiting import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

_LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
"""


@contextmanager
def locked_by_another(path: Path) -> Generator[Callable[[], None]]:
    """Have another program lock a study file until what this yields is called."""
    with subprocess.Popen(
        [sys.executable, "-c", _LOCKER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as locker:
        stdin, stdout = locker.stdin, locker.stdout
        assert stdin is not None
        assert stdout is not None
        assert stdout.readline() == "locked\n"

        def let_go() -> None:
            stdin.write("\n")
            stdin.flush()

        yield let_go
        stdin.close()
        assert locker.wait(DEADLINE_S) == 0

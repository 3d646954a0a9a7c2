"""Asks the process of `tests/e2e/forked_runs.py` for an `hptui`; as a program it stands for it."""

from __future__ import annotations

import json
import os
import select
import socket
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VARIABLE = "HPTUI_TESTS_STARTER"
"""Holds the address of the starter for the program."""


class Started:
    """An `hptui` that runs in the folder and with the variables and descriptors that it was given.

    Args:
        address: Of the starter's socket.
        descriptors: Its standard input, output and error.
        module: What is run in the place of `hptui`.
        session: `own` for a session of its own, `terminal` for one that its standard input, a
            terminal, controls; empty for the starter's.
    """

    def __init__(
        self,
        address: str,
        arguments: Sequence[str],
        *,
        cwd: str,
        environment: Mapping[str, str],
        descriptors: tuple[int, int, int],
        module: str = "hptui",
        session: str = "",
    ) -> None:
        order = {
            "arguments": arguments,
            "cwd": cwd,
            "environment": dict(environment),
            "module": module,
            "session": session,
        }
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(address)
            socket.send_fds(connection, [json.dumps(order).encode()], descriptors)
            connection.shutdown(socket.SHUT_WR)
            # What a buffer holds would not be seen to be there.
            self._answers = connection.makefile("rb", 0)
        self.pid = int(self._answers.readline())

    def has_ended(self, timeout: float | None) -> bool:
        """Say whether it has ended, or ends within so many seconds; None waits for it."""
        return self._answers.closed or bool(select.select([self._answers], [], [], timeout)[0])

    def wait(self) -> int:
        """Wait for its end and return the exit code."""
        with self._answers:
            return int(self._answers.readline())


if __name__ == "__main__":
    program = Started(
        os.environ[VARIABLE],
        sys.argv[1:],
        cwd=os.getcwd(),
        environment=os.environ,
        descriptors=(0, 1, 2),
    )
    sys.exit(program.wait())

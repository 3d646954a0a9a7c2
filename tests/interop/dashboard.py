"""optuna-dashboard's own server in a process of its own, spoken to over HTTP."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.waiting import DEADLINE_S, wait_until

if TYPE_CHECKING:
    from types import TracebackType


class Dashboard:
    """A server on a free port of this machine that shows one study file."""

    def __init__(self, study_file: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port: int = free.getsockname()[1]
        program = shutil.which("optuna-dashboard", path=Path(sys.executable).parent)
        assert program is not None
        self._process = subprocess.Popen(
            [
                program,
                f"sqlite:///{study_file}",
                "--host=127.0.0.1",
                f"--port={self._port}",
                "--server=wsgiref",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._said: list[bytes] = []
        threading.Thread(target=self._drain, daemon=True).start()
        try:
            wait_until(self._answers, "optuna-dashboard listens", lambda: self._said)
        except BaseException:
            self._process.kill()
            raise

    def _drain(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            self._said.extend(stream)

    def _answers(self) -> bool:
        assert self._process.poll() is None, b"".join(self._said)
        try:
            return isinstance(self.get("meta"), dict)
        except OSError:
            return False

    def get(self, path: str) -> Any:
        """What it answers to a question."""
        return self._ask("GET", path)[1]

    def send(self, method: str, path: str, **body: object) -> int:
        """Have it do something; returns the status."""
        return self._ask(method, path, body)[0]

    def studies(self) -> dict[str, dict[str, Any]]:
        """The studies by their names, each as the page of the study gets it."""
        listed = self.get("studies")["study_summaries"]
        return {each["study_name"]: each | self.study(each["study_id"]) for each in listed}

    def study(self, study_id: int) -> dict[str, Any]:
        """A study in full."""
        return self.get(f"studies/{study_id}?after=0")

    def _ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(DEADLINE_S)

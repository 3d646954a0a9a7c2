"""A dask cluster of processes on this machine: a scheduler, workers with nannies, TLS or none."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import psutil
import pytest
from tests.e2e.far_runs import told_in
from tests.waiting import DEADLINE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

MISSING: Final = "dask.distributed is not installed: pip install 'hptui[dask]'"
_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass
class DaskProcesses:
    """A cluster that runs."""

    folder: Path
    variables: dict[str, str]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    @property
    def file(self) -> Path:
        """The scheduler's file."""
        return self.folder / "scheduler.json"

    @property
    def address(self) -> str:
        """The scheduler's address."""
        return str(json.loads(self.file.read_text())["address"])

    def start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one of dask's programs."""
        words = [sys.executable, "-m", f"distributed.cli.{module}", "--no-dashboard", *arguments]
        words += ["--scheduler-file", str(self.file)]
        log = (self.folder / f"{module}-{len(self.started)}.log").open("wb")
        with log:
            process = subprocess.Popen(
                words, env={**os.environ, **self.variables}, stdout=log, stderr=log
            )
        self.started.append(process)
        return process

    def add_workers(self, n_workers: int) -> None:
        """Start workers of a thread each, with their nannies."""
        for _ in range(n_workers):
            self.start("dask_worker", "--nthreads", "1")

    def close(self) -> None:
        """End all of it, whatever is left."""
        left: list[psutil.Process] = []
        for process in self.started:
            with contextlib.suppress(psutil.NoSuchProcess):
                each = psutil.Process(process.pid)
                left += [*each.children(recursive=True), each]
        for each in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        for process in self.started:
            process.wait(DEADLINE_S)


@contextlib.contextmanager
def cluster_in(
    folder: Path, *, n_workers: int, tls: dict[str, str] | None = None
) -> Generator[DaskProcesses]:
    """Run a scheduler and workers of a thread each; skips where dask is not installed."""
    pytest.importorskip("distributed", reason=MISSING)
    variables = {**told_in(folder), **(tls or {})}
    cluster = DaskProcesses(folder, variables)
    protocol = "tcp" if tls is None else "tls"
    try:
        cluster.start("dask_scheduler", "--host", f"{protocol}://127.0.0.1", "--port", "0")
        wait_until(lambda: cluster.file.exists() and cluster.file.stat().st_size, "a scheduler")
        cluster.add_workers(n_workers)
        yield cluster
    finally:
        cluster.close()


def certificates(folder: Path) -> dict[str, str]:
    """Make an authority and a certificate of its own; returns dask's variables for them."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    folder.mkdir()
    openssl("req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca")
    openssl("req", "-new", *_KEY, "-keyout", "own.key", "-out", "own.csr", "-subj", "/CN=own")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "own.pem")
    openssl("x509", "-req", "-in", "own.csr", *signing)
    prefix = "DASK_DISTRIBUTED__COMM__TLS__"
    variables = {f"{prefix}CA_FILE": str(folder / "ca.pem")}
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        variables[f"{prefix}{role}__CERT"] = str(folder / "own.pem")
        variables[f"{prefix}{role}__KEY"] = str(folder / "own.key")
    return variables

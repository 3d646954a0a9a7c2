"""The kind of workers that another Python runs: its processes are plain programs."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.engine.workers.worker_kinds import KINDS, NearProcess, open_pidfd
from hptui.registry.loading.other_python import package_variables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hptui.engine.ipc.protocol import Message
    from hptui.engine.run.start.plan import RunPlan
    from hptui.engine.workers.worker_kinds import StartedProcess, WorkerKind
    from hptui.registry.loading.other_python import OtherPython


class OtherProcess(NearProcess):
    """A process of another Python that serves trials.

    Args:
        command: The words that start `worker_program` in it.
        environment: All its variables.
        order: What `run_worker_process` takes.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, command: list[str], environment: Mapping[str, str], order: Message) -> None:
        sentinel, writer = os.pipe()
        try:
            # Whoever sees command lines must not see its token.
            with tempfile.TemporaryFile() as given:
                given.write(json.dumps(order).encode("ascii"))
                given.seek(0)
                self._process = subprocess.Popen(
                    command,
                    stdin=given,
                    stdout=subprocess.DEVNULL,
                    env=environment,
                    pass_fds=(writer,),
                )
        except BaseException:
            os.close(sentinel)
            raise
        finally:
            os.close(writer)
        self.guarded = self.pid
        pidfd = open_pidfd(self.pid)
        if pidfd is not None:
            # The pipe stays open as long as a child that the objective has forked.
            os.close(sentinel)
        self._sentinel = sentinel if pidfd is None else pidfd

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def sentinel(self) -> int:
        return self._sentinel

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def collect(self) -> None:
        self._process.poll()

    def close_sentinel(self) -> None:
        if self._sentinel >= 0:
            os.close(self._sentinel)
            self._sentinel = -1

    def release(self, *, kill: bool) -> None:
        if kill:
            self._process.kill()
        self._process.wait()


@dataclass(slots=True)
class OtherWorkers:
    """Workers in another Python: processes, or threads of one."""

    python: OtherPython
    folder: Path
    """The engine's own, where hptui's modules are found while the run lasts."""
    ends_trials_by_process: bool
    descriptors_each: int
    places: None = None

    def start(self, order: Message, environment: Mapping[str, str]) -> StartedProcess:
        variables = {**os.environ, **environment}
        variables |= package_variables(self.folder, variables)
        command = self.python.command("hptui.engine.workers.worker_program")
        return OtherProcess(command, variables, order)


def workers_of(plan: RunPlan, socket: Path) -> WorkerKind:
    """Return the kind of a run's workers; its engine listens on `socket`, in a folder of its own.

    Raises:
        HptuiError: Workers on other machines cannot have the objective's code.
    """
    if plan.far is not None:
        from hptui.engine.workers.remote.remote_workers import RemoteWorkers

        far = RemoteWorkers(
            plan.far,
            plan.ref,
            plan.resources,
            socket,
            f"{plan.study}-{socket.parent.name}",
            plan.n_workers,
        )
        far.prepare()
        return far
    folder = socket.parent
    kind = KINDS[plan.backend]
    if plan.python is None:
        return kind
    return OtherWorkers(plan.python, folder, kind.ends_trials_by_process, kind.descriptors_each)

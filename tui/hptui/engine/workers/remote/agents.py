"""The agents of a run: which have connected, which are lost, and which hosts cannot be reached."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from hptui.domain.far_workers import DEFAULT_LOST_AFTER_S
from hptui.domain.texts.text import safe_line
from hptui.engine.run.clock import now
from hptui.engine.workers.machine.places import Place
from hptui.engine.workers.pool import CONFIRM_S
from hptui.engine.workers.remote.host_places import HostPlaces
from hptui.engine.workers.remote.remote_workers import RemoteProcess, RemoteWorkers, append_log
from hptui.engine.workers.remote.silence import Looks, Silence
from hptui.errors import HptuiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.engine.ipc.connections import Connections
    from hptui.engine.ipc.protocol import Channel, Message
    from hptui.engine.workers.pool import Pool, WorkerProcess
    from hptui.engine.workers.remote.cluster import DaskCluster, Send

_MAX_FAILED_TASKS: Final = 3
_NEVER: Final = math.inf
_WAITS: Final = 2
"""How many times longer than for a silent machine a run waits when no host can be reached, or the
scheduler is gone."""


@dataclass(slots=True, eq=False)
class Agents:
    """The connections of agents and of a cluster's gateway; empty when all workers are here."""

    pool: Pool
    connections: Connections
    send: Send
    on_trouble: Callable[[str], None]
    """Takes a sentence about trouble that does not end the run."""
    start_missing: Callable[[], None]
    """Starts as many of the missing workers as there is room for."""
    processes: dict[Channel, WorkerProcess] = field(
        default_factory=dict["Channel", "WorkerProcess"]
    )
    is_served: bool = False
    """Whether a worker has ever been ready."""
    cluster: DaskCluster | None = field(init=False)
    """The cluster that the workers are on."""
    problem: HptuiError | None = None
    """Why no worker can be started any more."""
    _looks: Looks = field(init=False)
    """When agents are pinged and checked for silence."""
    _silences: dict[Channel, Silence] = field(default_factory=dict["Channel", "Silence"])
    _failed_tasks: int = 0
    _unreachable_since_s: float | None = None

    def __post_init__(self) -> None:
        kind = self.pool.kind
        is_far = isinstance(kind, RemoteWorkers)
        self.cluster = kind.cluster if is_far else None
        self._looks = Looks(kind.far.lost_after_s if is_far else DEFAULT_LOST_AFTER_S)

    @property
    def _wait_s(self) -> float:
        """How long a run waits when nothing can be reached."""
        return _WAITS * self._looks.lost_after_s

    # -- agents

    def welcome(self, channel: Channel, message: Message) -> bool:
        """Take the connection of an agent; False when nobody here started it.

        Raises:
            HptuiError: It cannot serve this run; says why.
        """
        worker = self.pool.worker_of(str(message.get("token")))
        kind = self.pool.kind
        if worker is None or worker.process.is_gone or worker.channel is not None:
            return False
        started = worker.process.started
        if not isinstance(kind, RemoteWorkers) or not isinstance(started, RemoteProcess):
            return False
        note = kind.welcome(started, message, channel, self.send)
        self._unreachable_since_s, self._failed_tasks = None, 0
        worker.channel = channel
        self.processes[channel] = worker.process
        if worker.process.place is None:
            worker.process.place = Place(host=started.host)
        # The end of its ssh client says nothing from now on.
        self.connections.forget_process(worker.process)
        if note:
            self.on_trouble(note)
        self.start_missing()
        return True

    def take(
        self, channel: Channel, message: Message, number: int | None, log: str
    ) -> Literal["done", "gone", "other"]:
        """Take what an agent says itself.

        Args:
            channel: Its connection.
            message: What it says.
            number: The trial that its worker runs.
            log: That trial's.

        Returns:
            `gone` where its worker has ended, `other` where it is a message of the worker's.
        """
        match message.get("op"):
            case "ping":
                pass
            case "log":
                if message.get("n") is None:
                    append_log(message, str(self.pool.log))
                elif message["n"] == number:
                    append_log(message, log)
            case "gone":
                self._end(self.processes[channel], message)
                return "gone"
            case _:
                return "other"
        return "done"

    def lose(self, channel: Channel) -> WorkerProcess | None:
        """Take the end of a connection; returns the worker process whose agent's it was."""
        process = self.processes.get(channel)
        if process is not None:
            self._end(process, None)
        return process

    def silent(self, now_s: float) -> list[WorkerProcess]:
        """Ping all agents when it is time, and return the workers of those that are silent.

        They count as ended, as if their connections were lost.
        """
        if not self.processes or not self._looks.are_due(now_s):
            return []
        before, self._silences = self._silences, {}
        lost: list[WorkerProcess] = []
        for channel, process in self.processes.items():
            silence = self._silences[channel] = before.get(channel) or Silence()
            if silence.look(channel.n_received):
                lost.append(process)
            elif not channel.wants_to_write:
                self.send(channel, {"op": "ping"})
        for process in lost:
            if isinstance(process.started, RemoteProcess):
                process.started.end_silent(self._looks.lost_after_s)
        return lost

    def _end(self, process: WorkerProcess, message: Message | None) -> None:
        started = process.started
        assert isinstance(started, RemoteProcess)
        started.end(message)
        if started.left:
            self.on_trouble(
                f"{safe_line(started.host)}: {', '.join(started.left)} did not end when killed."
            )

    def unconfirmed(self, now_s: float) -> list[WorkerProcess]:
        """Return workers that were killed on machines that have not confirmed it in time.

        They count as ended: their token is void, and their slots get other workers.
        """
        late = [each for each in self.pool.unconfirmed if (each.confirm_by_s or 0.0) <= now_s]
        for process in late:
            where = safe_line(process.started.host or "A machine")
            self.on_trouble(
                f"{where} has not confirmed in {CONFIRM_S:g} s that a worker was killed; it may "
                "still run there."
            )
            if isinstance(process.started, RemoteProcess):
                process.started.end(None)
        return late

    # -- what cannot be reached

    def on_exit(self, process: WorkerProcess, *, was_retired: bool) -> bool:
        """Take the end of a worker; return whether it never connected, and why is known."""
        started, hosts = process.started, self.pool.places
        if not isinstance(started, RemoteProcess) or started.is_connected:
            return False
        if isinstance(hosts, HostPlaces):
            hosts.note_start(started.host, None)
        if was_retired:
            return True
        problem = started.start_problem().removesuffix(".")
        if isinstance(hosts, HostPlaces):
            self._on_unreachable(hosts, started.host, problem)
        else:
            self._on_failed_task(problem)
        return True

    def _on_unreachable(self, hosts: HostPlaces, host: str, problem: str) -> None:
        """Plan to try again a host that took no worker; before any was ready, end the run."""
        text = f"No worker can be started on {safe_line(host)}: {problem}"
        if not self.is_served:
            self.problem = HptuiError(
                f"{text}.",
                hint=f"Try it in a terminal: ssh {safe_line(host)} true. It must not ask for "
                "anything.",
            )
            return
        again_s = hosts.note_failure(host, now()) - now()
        self.on_trouble(f"{text}; it is tried again in {again_s:.0f} s.")
        is_any_ready = any(
            worker.is_ready for each in self.pool.processes for worker in each.workers
        )
        if hosts.is_any_there or is_any_ready:
            return
        self._unreachable_since_s = self._unreachable_since_s or now()
        if now() - self._unreachable_since_s > self._wait_s:
            self.problem = HptuiError(f"No host has taken a worker for {self._wait_s:g} s. {text}.")

    def _on_failed_task(self, problem: str) -> None:
        if self.cluster is None or self.cluster.lost_since_s is not None:
            return
        self._failed_tasks += 1
        if self._failed_tasks >= _MAX_FAILED_TASKS:
            self.problem = HptuiError(
                f"No worker can be started on the dask cluster: {problem}.",
                hint="Its workers need hptui, too.",
            )

    def due_s(self) -> float | None:
        """Return when something is due; it is asked at each turn of the loop."""
        due_s = self._looks.due_s if self.processes else _NEVER
        hosts, cluster = self.pool.places, self.cluster
        if isinstance(hosts, HostPlaces) and hosts.due_s is not None:
            due_s = min(due_s, hosts.due_s)
        if cluster is not None and cluster.lost_since_s is not None:
            due_s = min(due_s, cluster.lost_since_s + self._wait_s)
        for process in self.pool.unconfirmed:
            due_s = min(due_s, process.confirm_by_s or _NEVER)
        return None if due_s == _NEVER else due_s

    def tick(self, now_s: float) -> bool:
        """Say whether hosts are to be tried again now."""
        hosts = self.pool.places
        return isinstance(hosts, HostPlaces) and hosts.tick(now_s)

    @property
    def n_free(self) -> int:
        """How many workers can start now."""
        cluster = self.cluster
        is_there = cluster is None or cluster.lost_since_s is None
        return (self.pool.places.n_free or 0) if is_there else 0

    # -- a cluster

    def is_gateway(self, channel: Channel) -> bool:
        """Say whether a connection is that of the gateway."""
        cluster = self.cluster
        return cluster is not None and cluster.channel is channel

    def take_gateway(self, channel: Channel, message: Message) -> bool:
        """Take the connection of the gateway; False when nobody here started it."""
        cluster = self.cluster
        given = str(message.get("token")).encode(errors="replace")
        if cluster is None or not secrets.compare_digest(cluster.token.encode(), given):
            return False
        cluster.greet(channel, self.send)
        return True

    def take_of_gateway(self, message: Message) -> WorkerProcess | None:
        """Take what the gateway tells; returns a worker process that has ended unconnected.

        Raises:
            HptuiError: The cluster cannot be used.
        """
        cluster = self.cluster
        assert cluster is not None
        if message.get("op") == "ended":
            token = str(message.get("token"))
            task = cluster.tasks.pop(token, None)
            worker = self.pool.worker_of(token)
            if task is None or worker is None:
                return None
            task.note_end(message.get("said"))
            return worker.process
        if message.get("problem"):
            raise HptuiError(
                f"The dask cluster cannot be used: {safe_line(message['problem'], max_chars=300)}."
            )
        if message.get("is_open"):
            self.on_trouble(
                "The connections to the dask cluster are not encrypted; tls:// does that."
            )
        if message.get("threads") == 0:
            self.on_trouble("The dask cluster has no workers; the run waits for some to come.")
        if message.get("state") == "lost":
            cluster.lost_since_s = now()
            self.on_trouble(
                f"The dask scheduler is gone; the run waits {self._wait_s:g} s for it to come back."
            )
        elif message.get("state") == "running":
            cluster.lost_since_s = None
            self.start_missing()
        return None

    def require_cluster(self, now_s: float) -> None:
        """Refuse to wait on for a scheduler that has been gone for long.

        Raises:
            HptuiError: It has.
        """
        cluster = self.cluster
        if cluster is None or cluster.lost_since_s is None:
            return
        if now_s - cluster.lost_since_s >= self._wait_s:
            cluster.lost_since_s = None
            raise HptuiError(f"The dask scheduler has been gone for {self._wait_s:g} s.")

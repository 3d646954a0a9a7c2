"""The engine of one run: its loop performs what the rules say, and it alone writes the study."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.engine import control, processes
from hptui.engine.clock import now
from hptui.engine.commits import Commits
from hptui.engine.connections import Connections
from hptui.engine.crew import Crew, Death, Slot
from hptui.engine.lease import busy_error, read_lease
from hptui.engine.outcome import TrialError
from hptui.engine.pool import Host, Pool
from hptui.engine.report import Finished, Observer, Pace, Progress, Started
from hptui.engine.rules import Rules
from hptui.engine.run_events import (
    Ask,
    AskRefused,
    CloseSlot,
    EndTrial,
    Event,
    Finish,
    InterruptRequested,
    OpenSlot,
    SlotReady,
    SlotsRequested,
    StopRequested,
    StorageChanged,
    Tick,
    TrialFinished,
    TrialStarted,
)
from hptui.engine.scratch import clear_scratch
from hptui.engine.setup import open_run
from hptui.engine.trial_logs import cut_log
from hptui.engine.trials import Counts
from hptui.errors import HptuiError, ObjectiveError, StudyBusyError

if TYPE_CHECKING:
    from hptui.engine.plan import RunPlan
    from hptui.engine.protocol import Channel, Message
    from hptui.engine.run import Run
    from hptui.engine.trials import LiveTrial

_log = logging.getLogger("hptui.engine")

_PROGRESS_S = 0.1
_LOG_CHECK_S = 0.5
_LAST_COMMIT_BUDGET_S = 300.0
_LAST_RETRY_S = 0.1
_CLOSE_S = 5.0


class Engine:
    """Runs one plan to its end.

    `run` blocks; `interrupt` may be called from a signal handler. All else happens on the thread
    that calls `run`.
    """

    def __init__(self, plan: RunPlan, observer: Observer) -> None:
        self._plan = plan
        self._observer = observer
        self._runtime = Path(tempfile.mkdtemp(prefix="hptui-"))
        self.socket_path = self._runtime / "engine.sock"
        self._connections = Connections(self.socket_path, self)
        self._interrupts = 0
        self._strangers = {child.pid for child in processes.descendants(os.getpid())}
        self._guardian = processes.Guardian(self._runtime)
        self._crew = Crew(
            pool=Pool(
                ref=plan.ref,
                backend=plan.backend,
                socket=self.socket_path,
                home=Path.cwd(),
                log=self._runtime / "workers.log",
                guardian=self._guardian,
            ),
            connections=self._connections,
            on_ready=lambda slot: self._feed(SlotReady(slot)),
            on_message=self._on_trial_message,
        )
        self.rules = Rules(plan.budget, plan.n_slots, now())
        self._rules_are_live = False
        self.run_state: Run | None = None
        self._about: Message | None = None
        self._unready: Message | None = None
        self._commits: Commits | None = None
        self._progress_at_s = 0.0
        self._logs_at_s = 0.0
        self.pace = Pace()
        self._finish: Finish | None = None
        self._failure: HptuiError | None = None

    # -- the run

    def run(self) -> Finished:
        """Run the plan and return how it ended.

        Raises:
            HptuiError: The run could not begin, or had to end with an error; what was announced
                is in the file.
        """
        lease = read_lease(self._plan.study_file, self._plan.study)
        try:
            if lease is not None and lease.is_alive:
                raise busy_error(self._plan.study_file, lease)
            self._connections.open()
            processes.adopt_orphans()
            self._crew.open(self._plan.n_slots)
            about = self._wait_for_objective()
            if about is None:
                return Finished("interrupted", _REASONS["interrupted"], Counts(), None, {}, 0.0)
            self.run_state = open_run(self._plan, about, self.socket_path)
            self._begin(self.run_state)
            while self._finish is None:
                self._turn()
            return self._end(self.run_state, self._finish)
        finally:
            self._close()

    def interrupt(self) -> None:
        """Ask the run to end: the first call gives running trials a moment, the second none."""
        self._interrupts += 1
        self._connections.wake()

    def _wait_for_objective(self) -> Message | None:
        """Wait until a worker has loaded the objective; None when the user gave up."""
        while self._about is None:
            self._turn()
            if self._unready is not None:
                raise _objective_error(self._unready)
            if self._failure is not None:
                raise self._failure
            if self._interrupts:
                return None
        return self._about

    def _begin(self, run: Run) -> None:
        self._commits = Commits(run.storage, self._observer, self._on_blocked)
        self.rules.started_s = now()
        self._rules_are_live = True
        waiting = run.n_waiting()
        self._observer.started(
            Started(
                study=self._plan.study,
                study_file=self._plan.study_file,
                objective=self._plan.ref.name,
                directions=tuple(run.trials.directions),
                sampler=run.sampler,
                pruner=run.pruner,
                n_slots=self._plan.n_slots,
                backend=self._plan.backend,
                n_trials=self._plan.budget.n_trials,
                n_waiting=waiting,
                n_leftover=run.n_leftover,
            )
        )
        for slot in self._crew.slots.values():
            if slot.worker is not None:
                self._feed(SlotReady(slot.index))
        self._feed(Tick())

    def _feed(self, event: Event) -> None:
        """Give an event to the rules and do what they say."""
        if not self._rules_are_live:
            return
        todo = deque(self.rules.step(event, now()))
        while todo:
            instruction = todo.popleft()
            match instruction:
                case Ask(slot):
                    todo.extend(self._ask(slot))
                case EndTrial():
                    death = self._crew.end(
                        self._crew.slots[instruction.slot],
                        instruction.kind,
                        instruction.text,
                        force=instruction.force,
                    )
                    if death is not None:
                        self._on_death(death)
                case OpenSlot():
                    self._crew.open(self.rules.n_slots)
                case CloseSlot(slot):
                    self._crew.close_slot(slot)
                case Finish():
                    self._finish = instruction

    def _on_blocked(self, is_blocked: bool) -> None:
        self._feed(StorageChanged(is_blocked))

    def _commits_of_run(self) -> Commits:
        assert self._commits is not None
        return self._commits

    # -- trials

    def _ask(self, index: int) -> list[Ask | EndTrial | OpenSlot | CloseSlot | Finish]:
        run = self.run_state
        slot = self._crew.slots.get(index)
        assert run is not None
        if slot is None or slot.worker is None:
            return self.rules.step(AskRefused(index), now())
        try:
            run.storage.refresh()
            live = run.trials.ask()
        except StudyBusyError as error:
            instructions = self.rules.step(AskRefused(index), now())
            self._commits_of_run().block(error.message)
            return instructions
        slot.number = live.number
        slot.log = run.log_of(live.number)
        order = run.trials.order(live)
        order["log"] = slot.log
        order["scratch"] = run.scratch_of(live.number)
        self._crew.send(slot, order)
        self._commits_of_run().touch()
        return self.rules.step(TrialStarted(index, live.number), now())

    def _on_trial_message(self, slot: Slot, message: Message) -> None:
        run = self.run_state
        if run is None:
            return
        operation = message.get("op")
        if operation == "study_attr":
            run.set_study_attr(str(message["key"]), str(message["json"]))
            return
        live = run.trials.live.get(int(message["n"]))
        if live is None or slot.number != live.number:
            # A trial that has ended since: its worker learns it from this answer.
            if operation in ("suggest", "prune", "study"):
                self._crew.send(slot, {"stop": "The trial has been ended."})
            return
        if operation == "done":
            self._on_done(slot, live, message)
        elif operation == "stop_study":
            self._feed(StopRequested(reason="exhausted"))
        else:
            reply = run.trials.answer(live, message)
            if reply is not None:
                self._crew.send(slot, reply)
        self._commits_of_run().touch()

    def _on_done(self, slot: Slot, live: LiveTrial, message: Message) -> None:
        if message["state"] == "ended":
            kind, text = slot.ending or ("killed", str(message.get("message", "")))
            message = _failed(TrialError(kind, "", text))
        index = slot.index
        self._tell(index, live, message)
        if index >= self.rules.n_slots:
            slot.number = None
            self._crew.close_slot(index)
        else:
            self._crew.release(slot)

    def _on_death(self, death: Death) -> None:
        run = self.run_state
        live = run.trials.live.get(death.number) if run is not None else None
        if run is not None and live is not None:
            clear_scratch(Path(run.scratch_of(live.number)))
            self._tell(death.slot, live, _failed(death.error))

    def _tell(self, index: int, live: LiveTrial, ended: Message) -> None:
        run = self.run_state
        assert run is not None
        record = run.trials.finish(live, ended)
        commits = self._commits_of_run()
        commits.unannounced.append(record)
        commits.touch()
        self.pace.add(now())
        self._feed(
            TrialFinished(index, record.number, run.trials.reaches_target(record), record.error)
        )
        if run.trials.is_exhausted:
            self._feed(StopRequested(reason="exhausted"))

    @property
    def trouble(self) -> str:
        """Why the study file takes no writes now; empty when it does."""
        return "" if self._commits is None else self._commits.trouble

    # -- the loop

    def _turn(self) -> None:
        due = [
            None if self._commits is None else self._commits.due_s(),
            self.rules.next_deadline_s() if self._rules_are_live else None,
            self._crew.next_start_s(),
            self._progress_at_s + _PROGRESS_S if self._rules_are_live else None,
        ]
        times = [each for each in due if each is not None]
        timeout_s = max(0.0, min(times) - now()) if times else None
        self._connections.wait(timeout_s)
        time_s = now()
        self._crew.tick(time_s)
        if self._commits is not None:
            self._commits.tick(time_s)
        deadline_s = self.rules.next_deadline_s() if self._rules_are_live else None
        if deadline_s is not None and time_s >= deadline_s:
            self._feed(Tick())
        if self._rules_are_live and time_s >= self._progress_at_s + _PROGRESS_S:
            self._progress_at_s = time_s
            self._observer.progress(self.progress())
            self._check_logs(time_s)

    # -- what arrives

    def on_wake(self) -> None:
        """See `connections.Listener`."""
        while self._rules_are_live and self.rules.interrupts < self._interrupts:
            self._feed(InterruptRequested())

    def on_worker(self, channel: Channel, message: Message) -> None:
        """See `connections.Listener`."""
        slot = self._crew.slot_of(channel)
        if slot is not None:
            self._on_trial_message(slot, message)

    def on_first(self, channel: Channel, message: Message) -> bool:
        """See `connections.Listener`."""
        if message.get("op") == "hello":
            if self._about is None:
                self._about = message["objective"]
            if self._crew.say_hello(channel, message):
                return True
            channel.is_closed = True
        elif message.get("op") == "unready":
            self._unready = message["error"]
            if self._rules_are_live:
                self._fail(_objective_error(message["error"]))
        else:
            channel.send(control.answer(self, message))
            self._connections.watch_writes(channel)
        return False

    def on_host_end(self, host: Host) -> None:
        """See `connections.Listener`."""
        for death in self._crew.bury(host):
            self._on_death(death)
        try:
            self._crew.restart(now())
        except ObjectiveError as error:
            self._fail(error)

    def _fail(self, error: HptuiError) -> None:
        """End the run with an error, after what is running."""
        self._failure = self._failure or error
        self._feed(StopRequested(reason="objective"))

    # -- what clients may do

    def feed(self, event: Event) -> None:
        """Take a request of a client."""
        if self._commits is not None:
            self._commits.touch()
        self._feed(event)
        if isinstance(event, SlotsRequested):
            self._crew.open(event.n_slots)

    def progress(self) -> Progress:
        """Return where the run stands."""
        run = self.run_state
        assert run is not None
        rate = self.pace.rate(self.rules.started_s, now())
        left = self.rules.n_left
        if left is not None:
            left += len(run.trials.live)
        state = "waiting" if self.trouble else self.rules.phase.value
        return Progress(
            state=state,
            counts=run.trials.counts,
            n_running=len(run.trials.live),
            n_trials=self.rules.budget.n_trials,
            rate=rate,
            eta_s=left / rate if left is not None and rate > 0 else None,
            best=run.trials.best,
            trouble=self.trouble,
        )

    @property
    def plan(self) -> RunPlan:
        """What the run was asked to do."""
        return self._plan

    @property
    def slots(self) -> dict[int, Slot]:
        """The slots and what they work on."""
        return self._crew.slots

    def _check_logs(self, time_s: float) -> None:
        if time_s < self._logs_at_s + _LOG_CHECK_S:
            return
        self._logs_at_s = time_s
        for slot in self._crew.slots.values():
            if slot.log:
                cut_log(Path(slot.log))

    # -- the end

    def _end(self, run: Run, finish: Finish) -> Finished:
        wall_s = now() - self.rules.started_s
        self._crew.close(_CLOSE_S)
        self._commit_last()
        run.record_end(finish.reason)
        self._commit_last()
        best = run.trials.best
        finished = Finished(
            reason=finish.reason,
            text=_REASONS[finish.reason],
            counts=run.trials.counts,
            best=best,
            best_params=run.params_of(best.number) if best else {},
            wall_s=wall_s,
        )
        self._observer.finished(finished)
        if self._failure is not None:
            raise self._failure
        return finished

    def _commit_last(self) -> None:
        deadline_s = now() + _LAST_COMMIT_BUDGET_S
        interrupts = self._interrupts
        commits = self._commits_of_run()
        while not commits.commit():
            if now() > deadline_s or self._interrupts > max(1, interrupts):
                assert self.run_state is not None
                raise self.run_state.spill(list(commits.unannounced))
            self._connections.pause(_LAST_RETRY_S)

    def _close(self) -> None:
        self._rules_are_live = False
        self._crew.close(_CLOSE_S)
        if self.run_state is not None:
            self.run_state.close(self._runtime / "workers.log")
        self._guardian.dismiss()
        self._end_orphans()
        self._connections.close()
        shutil.rmtree(self._runtime, ignore_errors=True)

    def _end_orphans(self) -> None:
        """End what trials have left behind outside their workers' groups."""
        known = self._strangers | processes.tracker_pids()
        left = [each for each in processes.descendants(os.getpid()) if each.pid not in known]
        processes.kill_all(left)
        processes.wait_for(left)


_REASONS = {
    "trials": "All trials of this run have ended.",
    "timeout": "The time limit was reached.",
    "target": "The target was reached.",
    "stopped": "Stopped by you.",
    "interrupted": "Interrupted.",
    "exhausted": "The sampler or the objective ended the run: there is nothing left to try.",
    "failing": "The first ten trials all failed with the same error.",
    "objective": "The objective cannot be run any more.",
}


def _failed(error: TrialError) -> Message:
    return {"state": "failed", "error": error.to_json()}


def _objective_error(problem: Message) -> ObjectiveError:
    error = ObjectiveError(str(problem["message"]), hint=str(problem["hint"]))
    error.detail = str(problem["detail"])  # pyright: ignore[reportAttributeAccessIssue]
    return error

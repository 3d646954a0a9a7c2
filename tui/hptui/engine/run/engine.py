"""The engine of one run: its loop performs what the rules say, and it alone writes the study."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.domain.resources import above_limit_text
from hptui.domain.texts.text import safe_line, sentence
from hptui.engine.following.after_trials import AfterTrials
from hptui.engine.ipc.connections import Connections
from hptui.engine.ipc.runtime_directory import RuntimeDirectory
from hptui.engine.recovery.lease import busy_error, read_lease
from hptui.engine.run import announcements, control, far_messages
from hptui.engine.run.background import Background, Lane, one_blas_thread
from hptui.engine.run.clock import now
from hptui.engine.run.commits import Commits
from hptui.engine.run.dispatcher import Dispatcher
from hptui.engine.run.events import (
    Ask,
    CloseSlot,
    EndTrial,
    Event,
    Finish,
    Instruction,
    InterruptRequested,
    MemoryExceeded,
    OpenSlot,
    SlotReady,
    StopRequested,
    StorageChanged,
    Tick,
    WorkersRequested,
)
from hptui.engine.run.library_warnings import Heard
from hptui.engine.run.observer import REASON_TEXTS, Finished, Observer, Pace, Progress
from hptui.engine.run.outcome import objective_error
from hptui.engine.run.rules import Phase, Rules
from hptui.engine.run.start.script_plan import with_script
from hptui.engine.run.start.setup import open_run
from hptui.engine.run.study_trials import Counts
from hptui.engine.workers.machine.descriptors import raise_limit, require_room
from hptui.engine.workers.machine.memory_guard import MemoryGuard, kill_now
from hptui.engine.workers.machine.processes import start_trackers
from hptui.engine.workers.machine.worker_loads import WorkerLoads, peak_size
from hptui.engine.workers.other_workers import workers_of
from hptui.engine.workers.pool import Pool, WorkerProcess
from hptui.engine.workers.trial_logs import free_middle
from hptui.engine.workers.worker_manager import Death, Slot, WorkerManager
from hptui.errors import HptuiError, StudyBusyError, UsageError
from hptui.registry.loading.process_ties import adopt_orphans
from hptui.storage.sqlite.writer import StudyGoneError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hptui.engine.ipc.protocol import Channel, Message
    from hptui.engine.run.open_run import Run
    from hptui.engine.run.start.plan import RunPlan

_log = logging.getLogger("hptui.engine")

_PROGRESS_S = 0.1
_CLOSE_S = 5.0


class Engine:
    """Runs one plan to its end.

    `run` blocks; `interrupt` may be called from a signal handler. While trials run, threads take
    turns at the loop (`beside`); what is called in it is never called in two threads at a time.
    """

    def __init__(self, plan: RunPlan, observer: Observer) -> None:
        self._plan = plan
        self._observer = observer
        self._runtime_directory = RuntimeDirectory()
        self._connections = Connections(self._runtime_directory.socket_path, self)
        self.sampler, self.pruner = Lane(), Lane()
        self._beside = Background((self.sampler, self.pruner), self._connections.wake)
        self._interrupts = 0
        self._heard = Heard()
        self._told_early: list[str] = []
        """What was told before the run began, to be kept with it."""
        self._worker_manager = WorkerManager(
            pool=Pool(
                ref=plan.ref,
                kind=workers_of(plan, self._runtime_directory.socket_path),
                socket=self._runtime_directory.socket_path,
                home=Path.cwd(),
                log=self._runtime_directory.worker_log,
                guardian=self._runtime_directory.guardian,
                max_files=raise_limit(),
                resources=plan.resources,
                n_workers=plan.n_workers,
                python=plan.python,
            ),
            connections=self._connections,
            on_ready=lambda slot: self._feed(SlotReady(slot)),
            on_message=self._on_trial_message,
            on_trouble=self._on_trouble,
        )
        self.rules = Rules(plan.budget, plan.n_workers, now())
        limit = plan.resources.memory
        # On other machines their agents look.
        is_near = limit is not None and plan.far is None
        self._guard = MemoryGuard(limit) if limit is not None and is_near else None
        self._looks_at_load = plan.far is None
        self.loads = WorkerLoads()
        """What the workers of this machine load."""
        self._rules_are_live = False
        self.run_state: Run | None = None
        self._about: Message | None = None
        self._unready: Message | None = None
        self._commits: Commits | None = None
        self._dispatcher: Dispatcher | None = None
        self._deadline_s: float | None = None
        self._progress_at_s = 0.0
        self.pace = Pace()
        self._after = AfterTrials(
            plan, observer, self._runtime_directory, self._connections, self._feed, self._fail
        )
        self._finish: Finish | None = None
        self._finished: Finished | None = None
        self._failure: HptuiError | None = None

    # -- the run

    def run(self) -> Finished:
        """Run the plan and return how it ended.

        Raises:
            HptuiError: The run could not begin, or had to end with an error; what was announced
                is in the file.
        """
        try:
            with self._heard.listening():
                finished = self._run()
        except HptuiError as error:
            self._end_after(None, error)
            raise
        self._end_after(finished, None)
        return finished

    def _end_after(self, finished: Finished | None, error: HptuiError | None) -> None:
        self._after.end(finished or self._finished, error, time.sleep, lambda: self._interrupts)

    def _run(self) -> Finished:
        lease = read_lease(self._plan.study_file, self._plan.study)
        try:
            # Commands hold a study for a moment, and are without a lease at its begin and end.
            is_short = lease is None or lease.is_for_a_moment or lease.is_unseen
            if lease is not None and lease.is_alive and not is_short:
                raise busy_error(self._plan.study_file, lease)
            require_room(self._plan.n_workers, 0, self.pool.kind)
            self._connections.open()
            adopt_orphans()
            start_trackers()
            self._worker_manager.open(self._plan.n_workers)
            self._after.load(None, self._worker_manager.pool.max_files)
            with one_blas_thread():
                return self._run_with_workers()
        except HptuiError as error:
            self._failure = self._failure or error
            raise
        finally:
            unstored = self._close()
            if unstored is not None:
                raise unstored

    def _run_with_workers(self) -> Finished:
        about = self._wait_for_objective()
        if about is None or not self._wait_for_callbacks(about):
            return Finished("interrupted", REASON_TEXTS["interrupted"], Counts(), None, {}, 0.0)
        self._plan = with_script(self._plan, about)
        self.run_state = open_run(self._plan, about, self._runtime_directory.socket_path)
        self.run_state.space.when_idle = self.sampler.when_idle
        self._plan = self.run_state.plan
        self.rules.budget = self._plan.budget
        self._begin(self.run_state)
        self._beside.run(self._turn_or_give_up)
        assert self._finish is not None
        return self._end(self.run_state, self._finish)

    def interrupt(self) -> None:
        """Ask the run to end: the first call gives running trials a moment, the second none."""
        self._interrupts += 1
        self._connections.wake()

    def _wait_for_objective(self) -> Message | None:
        """Wait until a worker has loaded the objective; None when the user gave up."""
        while self._about is None:
            self._turn()
            if self._unready is not None:
                raise objective_error(self._unready)
            if self._failure is not None:
                raise self._failure
            if self._interrupts:
                return None
        return self._about

    def _wait_for_callbacks(self, about: Message) -> bool:
        """Wait until what follows trials is loaded; False when the user gave up."""
        self._after.load(about, self._worker_manager.pool.max_files)
        while self._after.is_loading and not self._interrupts:
            self._turn()
        return not self._interrupts

    def _begin(self, run: Run) -> None:
        self._commits = Commits(
            run.storage, self._after, self._on_blocked, self._give_up, run.trials.corrected
        )
        self._dispatcher = Dispatcher(
            run=run,
            worker_manager=self._worker_manager,
            commits=self._commits,
            pace=self.pace,
            sampler=self.sampler,
            pruner=self.pruner,
            feed=self._feed,
            fail=self._fail,
            release=self._release,
            goes_on=lambda: self.rules.phase in (Phase.RUNNING, Phase.PAUSED),
        )
        self.rules.is_followed = self._after.begin(run, self._dispatcher)
        if self.rules.is_followed:
            # A slot waits for what follows its trial, so that where none runs none will end.
            self._commits.may_gather = lambda: bool(self.rules.running)
        self.rules.started_s = now()
        self._rules_are_live = True
        self._observer.started(announcements.started(self._plan, run))
        for note in announcements.notes_at_start(self._plan, run):
            self._observer.note(note)
        for slot in self._worker_manager.slots.values():
            if slot.worker is not None:
                self._feed(SlotReady(slot.index))
        self._use_prepared_workers()
        self._feed(Tick())

    def _use_prepared_workers(self) -> None:
        """Have as many workers as were prepared when the study was taken, where there is room."""
        if self._plan.n_workers != self.rules.n_workers:
            try:
                control.use_workers(self, self._plan.n_workers)
            except HptuiError as error:
                self._observer.note(f"{error.message} The run has {self.rules.n_workers}.")

    def _feed(self, event: Event) -> None:
        """Give an event to the rules and do what they say."""
        if not self._rules_are_live:
            return
        todo = deque(self.rules.step(event, now()))
        while todo:
            self._perform(todo.popleft(), todo)
        self._deadline_s = self.rules.next_deadline_s()

    def _perform(self, instruction: Instruction, todo: deque[Instruction]) -> None:
        """Do one thing that the rules say; what follows from it goes to the end of `todo`."""
        match instruction:
            case Ask(slot):
                assert self._dispatcher is not None
                todo.extend(self.rules.step(self._dispatcher.ask(slot), now()))
            case EndTrial():
                death = self._worker_manager.end(
                    self._worker_manager.slots[instruction.slot],
                    instruction.kind,
                    instruction.text,
                    force=instruction.force,
                )
                if death is not None:
                    self._on_deaths([death])
            case OpenSlot():
                self._worker_manager.open(self.rules.n_workers)
            case CloseSlot(slot):
                self._worker_manager.close_slot(slot)
            case Finish():
                self._finish = instruction
                self._beside.finish()

    def _on_trial_message(self, slot: Slot, message: Message, channel: Channel) -> None:
        if self._dispatcher is not None:
            self._dispatcher.take(slot, message, channel)

    def _release(self, slot: Slot) -> None:
        """Make a slot free after its trial, or close it where there are to be fewer now."""
        self._worker_manager.release(slot)
        if slot.number is None and slot.index >= self.rules.n_workers:
            self._worker_manager.close_slot(slot.index)

    def _on_deaths(self, deaths: Iterable[Death]) -> None:
        for death in deaths:
            if self._dispatcher is not None:
                self._dispatcher.on_worker_exit(death)
            if death.slot >= self.rules.n_workers:
                self._worker_manager.close_slot(death.slot)

    def _on_blocked(self, is_blocked: bool) -> None:
        self._feed(StorageChanged(is_blocked))

    @property
    def trouble(self) -> str:
        """Why the study file takes no writes for a while now; empty when it does."""
        return "" if self._commits is None else self._commits.lasting_trouble

    # -- the loop

    def _turn_or_give_up(self, *, is_ending: bool = False) -> bool:
        """Do a turn; an error ends the run in order, and a second one at once.

        Args:
            is_ending: Whether no trial runs any more, and what follows them is waited for.

        Returns:
            False where another thread has to go on.
        """
        try:
            if not is_ending and not self._beside.step():
                return False
            if is_ending or self._finish is None:
                self._turn()
        except StudyGoneError:
            raise
        except HptuiError as error:
            if self._failure is not None:
                raise
            self._give_up(error)
        except (OSError, sqlite3.Error) as error:
            if self._failure is not None:
                raise
            _log.exception("in the engine's loop")
            self._give_up(HptuiError(sentence(f"The run cannot continue: {safe_line(error)}")))
        return True

    def _turn(self) -> None:
        """Wait for something to happen or to become due, and do it."""
        self._connections.wait(self._timeout_s())
        time_s = now()
        self._worker_manager.tick(time_s)
        if self.pool.is_far:
            far_messages.tick(self, time_s)
        self._tell_heard()
        if self._commits is not None:
            self._commits.tick(time_s)
        self._after.tick()
        if not self._rules_are_live:
            return
        self._look_at_memory(time_s)
        self._look_at_load(time_s)
        if self.run_state is not None and self.run_state.retries.tick(time_s):
            self.feed(Tick())
        if self._deadline_s is not None and time_s >= self._deadline_s:
            self._feed(Tick())
        if self._dispatcher is not None and self._plan.ask_ahead and self.rules.may_ask_ahead:
            self._dispatcher.ask_ahead()
        if time_s >= self._progress_at_s:
            self._progress_at_s = time_s + _PROGRESS_S
            self._observer.progress(self.progress())
            self._check_logs()
            self._connections.reopen()

    def _look_at_memory(self, time_s: float) -> None:
        """End trials that take more memory than they may."""
        if self._guard is None or not self.rules.running:
            return
        processes = {each.pid: each for each in self._worker_manager.pool.processes}
        for taken in self._guard.look(time_s, processes):
            process = processes[taken.worker]
            text = above_limit_text(taken.size, self._guard.limit)
            for slot in list(self._worker_manager.slots.values()):
                if slot.number is not None and slot.worker in process.workers:
                    slot.peak = max(slot.peak, taken.size)
                    self._feed(MemoryExceeded(slot.number, text))
                    kill_now(taken)

    def _look_at_load(self, time_s: float) -> None:
        """Sample what workers load, and note the most memory that each trial takes."""
        if not self._looks_at_load or not self.rules.running:
            return
        processes = {each.pid: each for each in self._worker_manager.pool.processes}
        devices = {
            pid: () if each.place is None else each.place.devices for pid, each in processes.items()
        }
        for taken in self.loads.look(time_s, devices):
            workers = processes[taken.worker].workers
            if not self.pool.kind.ends_trials_by_process:
                continue
            for slot in self._worker_manager.slots.values():
                if slot.number is not None and slot.worker in workers:
                    slot.peak = peak_size(taken, slot.peak)

    def _tell_heard(self) -> None:
        """Tell and keep what libraries have warned of since the last time."""
        if self.run_state is None or self._commits is None:
            return
        heard = self._heard.take()
        for text in heard:
            self._observer.note(text)
        if heard or self._told_early:
            for text in (*self._told_early, *heard):
                self.run_state.record_note(text)
            self._told_early.clear()
            self._commits.touch()

    def _on_trouble(self, text: str) -> None:
        """Tell of trouble, at once where the run has not begun: it may wait for long."""
        self._heard.add("hptui", text)
        if self.run_state is None:
            for each in self._heard.take():
                self._told_early.append(each)
                self._observer.note(each)

    def _timeout_s(self) -> float | None:
        """Return how long nothing is due; None for ever."""
        if self._beside.is_ready:
            return 0.0
        due = [self._worker_manager.next_start_s(), self._after.due_s()]
        if self._commits is not None:
            due.append(self._commits.due_s())
        if self._rules_are_live:
            due += [self._deadline_s, self._progress_at_s]
            due.append(None if self.run_state is None else self.run_state.retries.due_s)
            if self._guard is not None and self.rules.running:
                due.append(self._guard.due_s)
        times = [each for each in due if each is not None]
        return max(0.0, min(times) - now()) if times else None

    # -- what arrives

    def on_wake(self) -> None:
        while self._rules_are_live and self.rules.interrupts < self._interrupts:
            self._feed(InterruptRequested())

    def on_worker(self, channel: Channel, message: Message) -> None:
        if self.pool.is_far and far_messages.take(self, channel, message):
            return
        slot = self._worker_manager.slot_of(channel)
        if slot is None:
            self._after.take(channel, message)
        else:
            self._on_trial_message(slot, message, channel)

    def on_closed(self, channel: Channel) -> None:
        agents = self._worker_manager.agents
        if agents.is_gateway(channel):
            self._give_up(HptuiError("The gateway to the dask cluster has ended."))
            return
        process = agents.lose(channel)
        if process is not None:
            self.on_process_end(process)

    def on_first(self, channel: Channel, message: Message) -> bool:
        if message.get("op") in ("agent", "gateway"):
            return far_messages.take_first(self, channel, message)
        is_worker = message.get("op") in ("hello", "unready")
        if is_worker and not self._worker_manager.expects(message):
            channel.is_closed = True
        elif message.get("op") == "hello":
            try:
                if self._worker_manager.say_hello(channel, message):
                    self._about = self._about or message["objective"]
                    return True
            except HptuiError as error:
                self._fail(error)
            channel.is_closed = True
        elif message.get("op") in ("follow", "unfollow"):
            return self._after.take_first(channel, message)
        elif message.get("op") == "unready":
            self._unready = message["error"]
            if self._rules_are_live:
                self._fail(objective_error(message["error"]))
        else:
            channel.send(control.answer(self, message))
            self._connections.watch_writes(channel)
        return False

    def on_broken(self, channel: Channel) -> None:
        if self._after.take_broken(channel):
            return
        self._worker_manager.give_up(
            channel, "The trial wrote into its worker's connection to the engine."
        )

    def on_process_end(self, process: WorkerProcess) -> None:
        if process.is_gone or not process.started.has_ended:
            # The ssh client of a worker whose connection is still there.
            return
        self._on_deaths(self._worker_manager.on_worker_exit(process))
        try:
            self._worker_manager.restart(now())
        except HptuiError as error:
            self._fail(error)

    def _fail(self, error: HptuiError) -> None:
        """End the run with an error, after what is running."""
        self._failure = self._failure or error
        is_input = isinstance(error, UsageError)
        self._feed(StopRequested(reason="objective" if is_input else "error"))

    def _give_up(self, error: HptuiError) -> None:
        """End the run, and what is running now, with an error that will not pass."""
        self._failure = self._failure or error
        self._feed(StopRequested(now=True, reason="error"))

    # -- what clients may do

    def feed(self, event: Event) -> None:
        """Take a request of a client."""
        if self._commits is not None:
            self._commits.touch()
        self._feed(event)
        if isinstance(event, WorkersRequested):
            self._worker_manager.open(event.n_workers)

    def commit(self) -> None:
        """Bring all that is buffered into the file for a request that goes there itself.

        Raises:
            StudyBusyError: The file takes no writes now.
        """
        assert self._commits is not None
        if not self._commits.commit():
            raise StudyBusyError(self._commits.trouble, hint="Try again in a moment.")

    def settle(self) -> None:
        """Bring what `status` counts into the file, if that takes it now."""
        if self._commits is not None:
            self._commits.settle()

    def progress(self) -> Progress:
        """Return where the run stands."""
        run = self.run_state
        assert run is not None
        return announcements.progress_of(
            run,
            self.rules,
            self.pace,
            trouble=self.trouble,
            thinking_s=self.sampler.busy_s(now()),
            now_s=now(),
        )

    @property
    def plan(self) -> RunPlan:
        """What the run was asked to do."""
        return self._plan

    @property
    def slots(self) -> dict[int, Slot]:
        """The slots and what they work on."""
        return self._worker_manager.slots

    @property
    def pool(self) -> Pool:
        """The worker processes and their places."""
        return self._worker_manager.pool

    def _check_logs(self) -> None:
        if self.run_state is not None:
            self.run_state.renew_folder()
        free_middle(self._runtime_directory.worker_log)
        for slot in self._worker_manager.slots.values():
            if slot.log:
                free_middle(slot.log)

    # -- the end

    def _end(self, run: Run, finish: Finish) -> Finished:
        wall_s = now() - self.rules.started_s
        lanes = {"sampler": self.sampler, "pruner": self.pruner}
        for text in announcements.left_at_work(lanes, now()):
            self._observer.note(text)
            run.record_note(text)
        self._worker_manager.close(_CLOSE_S)
        if self._dispatcher is not None:
            self._dispatcher.close()
        run.retries.enqueue_all()
        self._commit_last()
        # The last trials are announced by now.
        while self._after.is_ending(self._interrupts):
            self._turn_or_give_up(is_ending=True)
        self._after.sum_up()
        self._tell_heard()
        run.record_end(finish.reason, announcements.error_of(run, finish, self._failure))
        self._commit_last()
        finished = announcements.finished(run, finish, wall_s)
        self._finished = finished
        self._observer.finished(finished)
        if self._failure is not None:
            raise self._failure
        return finished

    def _commit_last(self) -> None:
        assert self._commits is not None
        self._commits.commit_last(self._connections.pause, lambda: self._interrupts)

    def _close(self) -> HptuiError | None:
        """Give everything back; return what to say of trials that are not stored."""
        self._rules_are_live = False
        self.loads.close()
        self._after.close()
        self._worker_manager.close(_CLOSE_S)
        run = self.run_state
        if self._dispatcher is not None and not isinstance(self._failure, StudyGoneError):
            # After an error; what is stored already is not stored again.
            with contextlib.suppress(HptuiError, KeyError):
                self._dispatcher.close()
        unstored = None if run is None else run.close(self._runtime_directory.worker_log)
        error = self._failure or unstored
        self._after.tell_end(self._finished, error, time.sleep, lambda: self._interrupts)
        self._runtime_directory.close()
        self._connections.close()
        return unstored

"""What follows the trials of a run when they are in its file, and the run when it has ended."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hptui.domain.texts.json_values import plain
from hptui.domain.texts.readable import plural
from hptui.engine.following.follower import Follower
from hptui.engine.following.hooks import Call, Hooks
from hptui.engine.following.new_best import NewBest
from hptui.engine.run.clock import now
from hptui.engine.run.events import TrialFollowed
from hptui.engine.run.observer import REASON_TEXTS
from hptui.engine.workers.trial_logs import cut_log, free_middle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hptui.engine.ipc.connections import Connections
    from hptui.engine.ipc.protocol import Channel, Message
    from hptui.engine.ipc.runtime_directory import RuntimeDirectory
    from hptui.engine.run.dispatcher import Dispatcher
    from hptui.engine.run.events import Event
    from hptui.engine.run.observer import Finished, Observer
    from hptui.engine.run.open_run import Run
    from hptui.engine.run.start.plan import RunPlan
    from hptui.engine.run.study_trials import TrialRecord
    from hptui.errors import HptuiError


class AfterTrials:
    """Announces trials to the person who watches, and to what else follows them."""

    def __init__(
        self,
        plan: RunPlan,
        observer: Observer,
        runtime_directory: RuntimeDirectory,
        connections: Connections,
        feed: Callable[[Event], None],
        fail: Callable[[HptuiError], None],
    ) -> None:
        self._following = plan.following
        self._ref = plan.ref
        self._python = plan.python
        self._observer = observer
        self._runtime_directory = runtime_directory
        self._run: Run | None = None
        self._dispatcher: Dispatcher | None = None
        self._best: NewBest | None = None
        self._began_s = now()
        guardian = runtime_directory.guardian
        self._hooks = Hooks(
            self._following.timeout_s, self._tell, watch=guardian.add, unwatch=guardian.drop
        )
        self._private_log = runtime_directory.worker_log.with_name("trackers.log")
        """What the libraries of services print; it goes with the run, since they print addresses,
        and what is secret in them."""
        self._log: Path | None = None
        """What callbacks print."""
        self._study = plan.study
        self._callbacks = Follower(
            "The callbacks",
            "The callback ",
            connections,
            guardian,
            runtime_directory.socket_path,
            self._following.timeout_s,
            followed=lambda number: feed(TrialFollowed(number)),
            fail=fail,
            tell=self._tell,
        )
        self._has_callbacks = False
        self._is_closed = False
        self._trackers = Follower(
            "Loggers and notifiers",
            "",
            connections,
            guardian,
            runtime_directory.socket_path,
            self._following.timeout_s,
            followed=lambda _: None,
            fail=lambda error: self._tell(f"{error.message} Nothing more is logged or sent."),
            tell=self._tell,
        )
        self._has_trackers = bool(self._following.tracking)

    # -- the callbacks' process

    def load(self, about: Message | None, max_files: int) -> None:
        """Have the callbacks loaded, once it is known whose they are.

        Args:
            about: What a worker has told of the objective; None before it has.
            max_files: How many files their process may have open.

        Raises:
            HptuiError: The machine has no process for it.
        """
        if about is None and self._has_trackers:
            tracking = self._following.tracking
            self._trackers.start(self._study, self._private_log, max_files, tracking=tracking)
        if self._has_callbacks or (about is None and self._ref.kind == "script"):
            return
        script = None if about is None else about.get("script")
        has_own = script is not None and bool(script.get("callbacks"))
        self._has_callbacks = has_own or bool(self._following.callbacks)
        if self._has_callbacks:
            self._callbacks.start(
                self._study,
                self._runtime_directory.worker_log,
                max_files,
                callbacks=self._following.callbacks,
                script=self._ref if has_own else None,
                python=self._python,
            )

    @property
    def is_loading(self) -> bool:
        """Whether callbacks are being loaded.

        Raises:
            HptuiError: They cannot be.
        """
        for each in self._followers:
            if each.problem is not None:
                raise each.problem
        return any(not each.is_ready for each in self._followers)

    @property
    def _followers(self) -> list[Follower]:
        """The processes that there are."""
        there = ((self._callbacks, self._has_callbacks), (self._trackers, self._has_trackers))
        return [each for each, is_there in there if is_there]

    def take_first(self, channel: Channel, message: Message) -> bool:
        """Take the first message of a connection; True when it is the callbacks' from now on."""
        for each in self._followers:
            if each.expects(message):
                return each.take_first(channel, message)
        channel.is_closed = True
        return False

    def _of(self, channel: Channel) -> Follower | None:
        return next((each for each in self._followers if each.serves(channel)), None)

    def take(self, channel: Channel, message: Message) -> bool:
        """Take a message of the callbacks' process; False where it is another's."""
        follower = self._of(channel)
        if follower is None:
            return False
        try:
            if not follower.take(message) and self._dispatcher is not None:
                self._dispatcher.take_of_callback(message, channel)
        except (LookupError, TypeError, ValueError, AttributeError):
            # A callback has written into its connection itself.
            follower.broken()
        return True

    def take_broken(self, channel: Channel) -> bool:
        """Take that the callbacks' connection carries no messages; False where it is another's."""
        follower = self._of(channel)
        if follower is not None:
            follower.broken()
        return follower is not None

    def due_s(self) -> float | None:
        """Return when something is due; None when that tells by itself."""
        due = [each.due_s() for each in self._followers]
        return min((each for each in due if each is not None), default=None)

    # -- the run

    def begin(self, run: Run, dispatcher: Dispatcher) -> bool:
        """Take that the run has begun; True where each trial is to be followed by callbacks."""
        self._run, self._dispatcher, self._began_s = run, dispatcher, now()
        if self._following.on_best or self._has_trackers:
            self._best = NewBest(run.study)
        if self._has_callbacks:
            self._log = run.folder / "callbacks.log"
            self._callbacks.begin(run, self._log)
        if self._has_trackers:
            self._trackers.begin(run, self._private_log)
        return self._has_callbacks

    def _tell(self, text: str) -> None:
        """Tell a sentence on what went wrong, and keep it with the run."""
        self._observer.note(text)
        if self._run is not None and not self._is_closed:
            self._run.record_note(text)

    # -- what is announced

    def trial(self, record: TrialRecord) -> None:
        """Announce a trial that is in the file."""
        self._observer.trial(record)
        is_best = self._best is not None and self._best.is_new(record)
        if self._has_callbacks:
            self._callbacks.follow(record.number)
        if self._has_trackers:
            self._trackers.follow(record.number, is_best=is_best)
        if is_best and self._following.on_best:
            data = {"event": "best", **self._about(), **self._fields(record)}
            what = f"trial {record.number}"
            self._hooks.call(
                [Call("--on-best", each, what, data) for each in self._following.on_best]
            )

    def note(self, text: str) -> None:
        """Announce a sentence."""
        self._observer.note(text)

    def _about(self) -> dict[str, Any]:
        assert self._run is not None
        plan = self._run.plan
        return {
            "study": plan.study,
            "study_file": str(plan.study_file.resolve()),
            "run": self._run.id,
            "directions": list(self._run.trials.directions),
        }

    def _fields(self, record: TrialRecord) -> dict[str, Any]:
        assert self._run is not None
        return {
            "number": record.number,
            "state": record.state,
            "values": None if record.values is None else [plain(each) for each in record.values],
            "params": _plain_params(record.params),
            "user_attrs": plain(self._run.user_attrs_of(record.number)),
            "duration_s": round(record.duration_s, 6),
        }

    # -- the run's course

    def tick(self) -> None:
        """Do what is due."""
        self._hooks.tick()
        for each in self._followers:
            each.tick()
        if self._log is not None:
            free_middle(self._log)
        if self._has_trackers:
            free_middle(self._private_log)

    def is_ending(self, interrupts: int) -> bool:
        """Say whether to wait for what follows the last trials; see `Hooks.is_ending`."""
        # For callbacks the rules have waited.
        waits = [each.is_ending(interrupts) for each in (self._hooks, self._trackers)]
        return any(waits)

    def sum_up(self) -> None:
        """Tell what was not told as it came."""
        self._hooks.sum_up()
        if self._run is not None and self._run.trials.n_answered:
            count = self._run.trials.n_answered
            trials = plural(count, "trial")
            self._tell(f"{trials} reused the values of earlier ones with the same parameters.")
        for each in self._followers:
            each.sum_up()

    def tell_end(
        self,
        finished: Finished | None,
        error: HptuiError | None,
        pause: Callable[[float], None],
        interrupts: Callable[[], int],
    ) -> None:
        """Tell services of the run's end, once its study is closed; see `end`."""
        # What goes wrong from now on is told, and no longer kept.
        self._is_closed = True
        if self._run is not None and self._has_trackers:
            summary = {**self._about(), **self._summary(finished, error)}
            self._trackers.finish(summary, pause, interrupts)
        self._trackers.close()

    def close(self) -> None:
        """End what still runs, except services, which are told of the run's end."""
        self._hooks.close()
        self._callbacks.close()
        if self._log is not None:
            cut_log(self._log)
            with contextlib.suppress(OSError):
                if self._log.stat().st_size == 0:
                    self._log.unlink()

    def end(
        self,
        finished: Finished | None,
        error: HptuiError | None,
        pause: Callable[[float], None],
        interrupts: Callable[[], int],
    ) -> None:
        """Run what follows the run, whose study is closed; nothing follows one that never began.

        Args:
            finished: How it has ended, where it has come to that.
            error: Why it could not go on.
            pause: Waits for so many seconds.
            interrupts: How often the run was interrupted until now.
        """
        if self._run is None or not self._following.on_end:
            return
        data = {"event": "end", **self._about(), **self._summary(finished, error)}
        # The study is another run's to write from now on.
        hooks = Hooks(self._following.timeout_s, self._observer.note)
        hooks.call([Call("--on-end", each, "the run", data) for each in self._following.on_end])
        try:
            hooks.finish(pause, interrupts)
        finally:
            hooks.close()

    def _summary(self, finished: Finished | None, error: HptuiError | None) -> dict[str, Any]:
        assert self._run is not None
        trials = self._run.trials
        counts = trials.counts if finished is None else finished.counts
        best = None
        if finished is not None and finished.best is not None:
            best = {
                "number": finished.best.number,
                "value": plain(finished.best.value),
                "params": _plain_params(finished.best_params),
            }
        return {
            "reason": "error" if finished is None else finished.reason,
            "text": REASON_TEXTS["error"] if finished is None else finished.text,
            "error": "" if error is None else error.message,
            "counts": asdict(counts),
            "best": best,
            "wall_s": round(now() - self._began_s if finished is None else finished.wall_s, 3),
        }


def _plain_params(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in params.items()}

"""Work of any length beside the engine's loop, which goes on in another thread meanwhile.

One thread at a time leads: it turns the loop. Work that waits in a lane it does itself, between
two turns, so that short work costs what a call costs. Where the work takes longer than
`PATIENCE_S`, another thread takes the lead and turns the loop; the one that works hands in its
result when it has it, and waits for its next turn to lead. Before work that took long of late, the
lead is given away at once.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hptui.engine.run.clock import now

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

T = TypeVar("T")

PATIENCE_S: Final = 0.05
"""The loop waits no longer for work that was expected to be short, plus one look."""
_LOOK_S: Final = 0.1
_SHARE_S: Final = 0.02
"""So much is worked in a row before the loop turns again."""
_LONG_S: Final = 0.02
_LONG_FADES: Final = 0.9
"""So much of a long time is still expected after work that took less."""
_LOOK_FOR_SIGNALS_S: Final = 1.0


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[[], Any]
    then: Callable[[Any], None]
    if_held_up: Callable[[], None] | None


class Lane:
    """Work of one kind, which is done one after the other in the order in which it was given.

    All methods are the loop's. What `work` touches must be its lane's alone, or safe to share with
    the loop; whatever it returns or raises is given to `then`, in the loop.
    """

    def __init__(self) -> None:
        self._todo: deque[_Job] = deque()
        self._untold: deque[_Job] = deque()
        """Those of them that want to know when they are held up."""
        self._is_telling = False
        self._when_idle: deque[Callable[[], None]] = deque()
        self._job: _Job | None = None
        self._began_s = 0.0
        self._is_beside = False
        self._results: list[Any] = []
        # At first work is taken for long: the first look at a long history is.
        self._expected_s = 1.0
        self.spent_s = 0.0
        """How long all work has taken so far."""

    def do(
        self,
        work: Callable[[], T],
        then: Callable[[T | Exception], None],
        *,
        if_held_up: Callable[[], None] | None = None,
    ) -> None:
        """Have `work` done when its turn comes.

        Args:
            work: What may take long.
            then: Takes what it has returned or raised; is not called once the run is over.
            if_held_up: Is called, once, when other work that takes long comes first.
        """
        job = _Job(work, then, if_held_up)
        self._todo.append(job)
        if if_held_up is not None:
            self._untold.append(job)
        if self._is_beside:
            self._tell_held_up()

    def when_idle(self, action: Callable[[], None]) -> None:
        """Call `action` while no work of the lane is being done: now, or before the next begins."""
        if self._job is None:
            action()
        else:
            self._when_idle.append(action)

    @property
    def is_free(self) -> bool:
        """Whether nothing is being done or waits."""
        return self._job is None and not self._todo

    @property
    def is_held_up(self) -> bool:
        """Whether work takes long now, so that other work has to wait."""
        return self._is_beside

    @property
    def is_ready(self) -> bool:
        """Whether there is something to do for the loop: work to begin, or a result to take."""
        return bool(self._results) if self._job is not None else bool(self._todo)

    def busy_s(self, now_s: float) -> float | None:
        """Return for how long work has been going on that takes long; None where none does."""
        return now_s - self._began_s if self._is_beside else None

    def _tell_held_up(self) -> None:
        if self._is_telling:
            # Who is told may give more work, as often as there are workers.
            return
        self._is_telling = True
        try:
            while self._untold:
                tell = self._untold.popleft().if_held_up
                if tell is not None:
                    tell()
        finally:
            self._is_telling = False

    # -- for Background

    @property
    def has_result(self) -> bool:
        """Whether a result was handed in."""
        return bool(self._results)

    @property
    def expects_long(self) -> bool:
        """Whether the next work is expected to take long."""
        return self._expected_s > _LONG_S

    def begin(self) -> Callable[[], Any]:
        """Begin with the next work and return it."""
        job = self._job = self._todo.popleft()
        if self._untold and self._untold[0] is job:
            self._untold.popleft()
        self._began_s = now()
        return job.work

    def note_long(self) -> None:
        """Note that the loop goes on beside the work that is being done."""
        if self._job is not None and not self._is_beside:
            self._is_beside = True
            self._tell_held_up()

    def hand_in(self, result: Any) -> None:  # noqa: ANN401 - whatever the work has returned
        """Leave a result for the loop; the only method for a thread that does not lead."""
        self._results.append((result, now()))

    def take_result(self) -> None:
        """Go on in the loop with a result that was handed in."""
        self.end(*self._results.pop())

    def end(self, result: Any, ended_s: float) -> None:  # noqa: ANN401 - see above
        """Go on in the loop with what the work has returned or raised."""
        job, self._job = self._job, None
        assert job is not None
        self._is_beside = False
        took_s = ended_s - self._began_s
        self.spent_s += took_s
        # Of a trial's parameters often the first takes all the time.
        self._expected_s = max(took_s, _LONG_FADES * self._expected_s)
        while self._when_idle:
            self._when_idle.popleft()()
        job.then(result)


class Background:
    """The threads that turn the engine's loop and do the work of its lanes.

    There is one more than lanes, so that one can always lead.

    Args:
        lanes: The lanes.
        wake: Wakes the loop where it waits; may be called in any thread.
    """

    def __init__(self, lanes: Sequence[Lane], wake: Callable[[], None]) -> None:
        self._lanes = tuple(lanes)
        self._wake = wake
        self._changed = threading.Condition()
        """Guards who leads, who works beside the loop, and whether all is over."""
        self._watch = threading.Lock()
        """Of the threads that wait, one looks whether the lead is free."""
        self._leader: int | None = None
        self._working_since_s: float | None = None
        """Since when the leader works without having given the lead away."""
        self._away: set[int] = set()
        """Threads that work beside the loop."""
        self._is_over = False
        self._ended = threading.Event()
        self._error: BaseException | None = None

    @property
    def is_ready(self) -> bool:
        """Whether `step` has something to do."""
        return any(lane.is_ready for lane in self._lanes)

    def run(self, turn: Callable[[], bool]) -> None:
        """Turn the loop until `finish` is called in it; work that takes too long is left then.

        Args:
            turn: One turn; it ends at once with False where `step` was False.

        Raises:
            BaseException: What a turn has raised.
        """
        threads = [
            threading.Thread(target=self._serve, args=(turn,), name="engine", daemon=True)
            for _ in range(1 + len(self._lanes))
        ]
        for thread in threads:
            thread.start()
        try:
            # A handler of signals runs in this thread, wherever the signal has come in.
            while not self._ended.wait(_LOOK_FOR_SIGNALS_S):
                pass
        finally:
            self.finish()
            with self._changed:
                left = self._away.copy()
                if self._leader is not None and self._working_since_s is not None:
                    # It was interrupted at work, and nobody takes the lead any more.
                    left.add(self._leader)
            for thread in threads:
                if thread.ident not in left:
                    thread.join()
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        """End `run` after this turn."""
        with self._changed:
            if not self._is_over:
                self._is_over = True
                self._changed.notify_all()
                self._wake()

    def _serve(self, turn: Callable[[], bool]) -> None:
        try:
            while self._wait_to_lead():
                while not self._is_over and turn():
                    pass
        except BaseException as error:  # noqa: BLE001 - it is raised in `run`
            self._error = error
            self._ended.set()
        if self._leader == threading.get_ident():
            self._ended.set()

    def _wait_to_lead(self) -> bool:
        """Wait until this thread has the lead; False when all is over."""
        with self._watch, self._changed:
            while not self._is_over:
                if self._leader is None or self._is_leader_held_up():
                    self._leader = threading.get_ident()
                    self._working_since_s = None
                    return True
                self._changed.wait(_LOOK_S)
        return False

    def _is_leader_held_up(self) -> bool:
        since_s = self._working_since_s
        if since_s is None or now() < since_s + PATIENCE_S:
            return False
        assert self._leader is not None
        self._away.add(self._leader)
        return True

    def step(self) -> bool:
        """Do what waits in the lanes, for a moment.

        Returns:
            False where another thread has taken the lead: this one must do nothing more.
        """
        for lane in self._lanes:
            # Whoever leads now has come after the one that works.
            lane.note_long()
        until_s = now() + _SHARE_S
        while self.is_ready and not self._is_over and now() < until_s:
            for lane in self._lanes:
                if lane.has_result:
                    lane.take_result()
                elif lane.is_ready and not self._is_over and not self._do_next(lane):
                    return False
        return True

    def _do_next(self, lane: Lane) -> bool:
        """Do the next work of a lane; False where another thread leads by its end."""
        me = threading.get_ident()
        work = lane.begin()
        if lane.expects_long:
            with self._changed:
                self._away.add(me)
                self._leader = None
                self._changed.notify()
        else:
            self._working_since_s = now()
        result = _done(work)
        with self._changed:
            if self._leader == me:
                self._working_since_s = None
                is_away = False
            else:
                is_away = True
                self._away.discard(me)
                lane.hand_in(result)
                if not self._is_over:
                    # Afterwards the pipe that wakes the loop may be another file.
                    self._wake()
        if is_away:
            return False
        lane.end(result, now())
        return True


def _done(work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it returns
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - `then` is given it
        return error
    except BaseException as error:  # noqa: BLE001 - it must not end the engine's thread
        failure = RuntimeError(f"{type(error).__name__}: {error}")
        failure.__cause__ = error
        return failure


@contextmanager
def one_blas_thread() -> Generator[None]:
    """Have BLAS compute in one thread within the block.

    A sampler's matrices are small, and the cores belong to the trials: threads of BLAS that wait
    for each other there take ten times as long as one.
    """
    # It looks at all libraries that are loaded, so it is imported when there is time.
    from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]

    with threadpool_limits(1, "blas"):
        yield

"""What follows the trials of a run when they are in its file, and the run when it has ended."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hptui.domain.json_values import plain
from hptui.engine.clock import now
from hptui.engine.hooks import Call, Hooks
from hptui.engine.new_best import NewBest
from hptui.engine.report import REASON_TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hptui.engine.plan import RunPlan
    from hptui.engine.processes import Guardian
    from hptui.engine.report import Finished, Observer
    from hptui.engine.run import Run
    from hptui.engine.trials import TrialRecord
    from hptui.errors import HptuiError


class AfterTrials:
    """Announces trials to the person who watches, and to what else follows them."""

    def __init__(self, plan: RunPlan, observer: Observer, guardian: Guardian) -> None:
        self._following = plan.following
        self._observer = observer
        self._run: Run | None = None
        self._best: NewBest | None = None
        self._began_s = now()
        self._hooks = Hooks(
            self._following.timeout_s, self._tell, watch=guardian.add, unwatch=guardian.drop
        )

    def begin(self, run: Run) -> None:
        """Take that the run has begun."""
        self._run, self._began_s = run, now()
        if self._following.on_best:
            self._best = NewBest(run.study)

    def _tell(self, text: str) -> None:
        """Tell a sentence on what went wrong, and keep it with the run."""
        self._observer.note(text)
        if self._run is not None:
            self._run.record_note(text)

    # -- what is announced

    def trial(self, record: TrialRecord) -> None:
        """Announce a trial that is in the file."""
        self._observer.trial(record)
        if self._best is not None and self._best.is_new(record):
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

    def is_ending(self, interrupts: int) -> bool:
        """Say whether to wait for what follows the last trials; see `Hooks.is_ending`."""
        return self._hooks.is_ending(interrupts)

    def sum_up(self) -> None:
        """Tell what was not told as it came."""
        self._hooks.sum_up()

    def close(self) -> None:
        """End what still runs."""
        self._hooks.close()

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

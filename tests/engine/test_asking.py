"""Runs whose sampler thinks, fails or is asked ahead: the engine goes on and loses nothing."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.trial import TrialState
from tests.engine import steered_objectives
from tests.waiting import DEADLINE_S, wait_until

from hptui.domain.objective import ObjectiveRef
from hptui.engine.ipc.client import ask_engine
from hptui.engine.recovery.lease import folder_of
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Finished, Silent
from hptui.engine.run.rules import Budget
from hptui.engine.run.start import configuration as choices_module
from hptui.engine.run.start.plan import RunPlan
from hptui.errors import SamplerError
from hptui.storage.read.study_detail import read_study

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("clones_programs")


class Thinker(optuna.samplers.RandomSampler):
    """Thinks about `deep` until it may go on; fails for trial `fails_at`; marks trials it met."""

    def __init__(self, folder: Path, *, fails_at: int | None = None) -> None:
        super().__init__(seed=1)
        self._folder = folder
        self._fails_at = fails_at
        self.go_on = threading.Event()
        self.n_thoughts = 0

    def before_trial(self, study: Any, trial: Any) -> None:
        (self._folder / f"met-{trial.number}").touch()
        super().before_trial(study, trial)

    def sample_independent(
        self, study: Any, trial: Any, param_name: str, param_distribution: Any
    ) -> Any:
        if trial.number == self._fails_at:
            raise ZeroDivisionError("no room left to draw from")
        if param_name == "deep":
            self.n_thoughts += 1
            assert self.go_on.wait(DEADLINE_S)
            self.go_on.clear()
        return super().sample_independent(study, trial, param_name, param_distribution)


class Told(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def a_plan(folder: Path, objective: str, budget: Budget, *, n_workers: int = 1) -> RunPlan:
    return RunPlan(
        ref=ObjectiveRef("file", steered_objectives.__file__, objective, objective),
        study_file=folder / "s.db",
        study="s",
        pruner="median",
        budget=budget,
        n_workers=n_workers,
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def use(sampler: Thinker, monkeypatch: pytest.MonkeyPatch) -> Thinker:
    monkeypatch.setattr(choices_module, "build_sampler", lambda _, **__: sampler)  # pyright: ignore
    return sampler


def states(folder: Path) -> list[TrialState]:
    storage = f"sqlite:///{folder / 's.db'}"
    return [trial.state for trial in optuna.load_study(study_name="s", storage=storage).trials]


def test_all_goes_on_while_the_sampler_thinks(folder: Path, monkeypatch: pytest.MonkeyPatch):
    sampler, told = use(Thinker(folder), monkeypatch), Told()
    engine = Engine(a_plan(folder, "asks_deeply", Budget(n_trials=4), n_workers=2), told)
    finished: list[Finished] = []
    running = threading.Thread(target=lambda: finished.append(engine.run()), daemon=True)
    running.start()

    def ask(op: str, **fields: Any) -> dict[str, Any]:
        return ask_engine(folder / "s.db", "s", {"op": op, **fields})

    def slot_of(trial: int) -> dict[str, Any]:
        found = [each for each in ask("status")["slots"] if each["trial"] == trial]
        return found[0] if found else {}

    wait_until(lambda: sampler.n_thoughts == 1, "the sampler to think")
    wait_until(lambda: slot_of(0).get("thinking_s") is not None, "that it is said")
    assert ask("status")["thinking_s"] > 0
    step = slot_of(1).get("step")
    wait_until(lambda: (slot_of(1).get("step") or 0) > (step or 0) + 3, "reports and pruning")
    assert slot_of(1).get("thinking_s") is None

    assert ask("pause")["text"] == "Paused; 2 trials still running."
    (folder / "enough").touch()
    wait_until(lambda: states(folder)[1] is TrialState.COMPLETE, "a result in the file")
    assert ask("space", edits={"x": {"high": 0.5}})["ok"]
    assert ask("space")["edits"] == {"x": {"high": 0.5}}
    assert ask("resume")["text"] == "Running."
    wait_until(lambda: slot_of(2).get("thinking_s") is not None, "that the next trial waits, too")
    ask("kill", trial=0)
    wait_until(lambda: states(folder)[0] is TrialState.FAIL, "the end of the killed trial")
    assert sampler.n_thoughts == 1

    sampler.go_on.set()
    wait_until(lambda: sampler.n_thoughts == 2, "that it thinks about trial 3")
    wait_until(lambda: (slot_of(3).get("thinking_s") or 0) > 1, "a second of that")
    wait_until(lambda: states(folder)[2] is TrialState.COMPLETE, "the end of trial 2")
    assert ask("stop", now=True)["ok"]
    running.join(DEADLINE_S)
    assert finished[0].reason == "stopped"
    assert states(folder) == [
        *(TrialState.FAIL, TrialState.COMPLETE),
        *(TrialState.COMPLETE, TrialState.FAIL),
    ]
    trials = optuna.load_study(study_name="s", storage=f"sqlite:///{folder / 's.db'}").trials
    assert trials[2].distributions["x"] == optuna.distributions.FloatDistribution(0, 0.5)
    (note,) = told.notes
    assert note.startswith("The sampler was still busy after ")
    assert read_study(folder / "s.db", "s").runs[-1].notes == (note,)
    sampler.go_on.set()


def test_a_sampler_that_fails_ends_the_run_and_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    use(Thinker(folder, fails_at=2), monkeypatch)
    engine = Engine(a_plan(folder, "asks", Budget(n_trials=9)), Silent())
    with pytest.raises(SamplerError, match=r"\(Thinker\) failed\. ZeroDivisionError: no room"):
        engine.run()
    assert states(folder) == [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.FAIL]
    (run,) = read_study(folder / "s.db", "s").runs
    assert run.reason == "error"
    assert "no room left" in run.error
    assert "ZeroDivisionError" in (folder_of(folder / "s.db", "s") / "engine.log").read_text()


def test_the_next_trial_is_asked_for_ahead(folder: Path, monkeypatch: pytest.MonkeyPatch):
    use(Thinker(folder), monkeypatch)
    budget = Budget(n_trials=9, target=0.1)
    plan = replace(a_plan(folder, "waits_for_the_next", budget), ask_ahead=True)
    finished = Engine(plan, Silent()).run()
    assert finished.reason == "target"
    # The second one reaches the target; the third has not begun.
    assert states(folder) == [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.FAIL]
    assert (finished.counts.complete, finished.counts.fail) == (2, 1)
    first, second, third = optuna.load_study(
        study_name="s", storage=f"sqlite:///{folder / 's.db'}"
    ).trials
    assert "asked for ahead" in third.system_attrs["hptui:error"]["message"]
    assert first.datetime_complete is not None
    assert second.datetime_start is not None
    assert second.datetime_start >= first.datetime_complete, "it began when it was handed out"
    (run,) = read_study(folder / "s.db", "s").runs
    assert run.asks_ahead

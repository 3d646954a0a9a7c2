"""The quick TPE draws what Optuna's draws, and stores the same; `make test-identity` has more."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest
from optuna.samplers import TPESampler
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator
from optuna.trial import TrialState
from tests.engine.tpe.cases import SPACES, Case, all_cases, past
from tests.engine.tpe.cases import drawn as drawn_near
from tests.engine.tpe.lockstep import play
from tests.engine.tpe.winners import check

from hptui.domain.methods.asked_methods import parse_sampler
from hptui.engine.sampling.reader import Reader
from hptui.engine.sampling.samplers import build_sampler
from hptui.engine.sampling.tpe import mixture
from hptui.engine.sampling.tpe.columns import Columns
from hptui.engine.sampling.tpe.gauss import log_mass
from hptui.engine.sampling.tpe.history import History, UnforeseenError
from hptui.engine.sampling.tpe.sampler import QuickTPESampler
from hptui.engine.sampling.tpe.ties import MOST_DENSITY, log_pdf_in_the_void
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import FrozenTrial

CASES = all_cases()
SHORT = [
    "floats",
    "logs",
    "ints",
    "mixed",
    "steps",
    "choices",
    "one-int",
    "log-ints",
    "many-choices",
    "lists",
    "far-off",
    "mixed/alone",
    "mixed/no-liar",
    "mixed/pruned failing tied",
    "floats/constrained infinite tied",
    "steps/enqueued",
    "mixed/dead",
    "mixed/2 objectives tied",
    "floats/2 objectives jointly",
    "hyperband",
    "fixed",
]
LONGER = [
    ("branching/group", 20),
    ("dynamic/default", 20),
    ("edited/default", 24),
    ("edited/group", 15),
]


@pytest.mark.parametrize("name", SHORT)
def test_every_draw_is_optunas(name: str) -> None:
    case = replace(CASES[name], n_asked=4, n_before=180)
    assert play(case, seed=SHORT.index(name)).n_compared >= 4


@pytest.mark.parametrize(("name", "n_asked"), LONGER)
def test_spaces_that_change_are_drawn_from_as_optuna_does(name: str, n_asked: int) -> None:
    case = replace(CASES[name], n_asked=n_asked, n_before=180)
    pair = play(case, seed=n_asked)
    assert pair.n_compared > n_asked
    assert bool(pair.n_edits) == case.is_edited


def test_trials_in_a_study_file_are_read_as_they_change(tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "study.db", create=True)
    case = replace(CASES["edited/default"], n_asked=12, n_before=180)
    pair = play(case, seed=2, storage=storage)
    storage.close()
    assert pair.quick.tally.certain > 0


def test_there_are_cases_enough() -> None:
    assert len(CASES) >= 200


@pytest.mark.parametrize("name", ["floats", "mixed", "one-int", "choices"])
def test_winners_are_those_of_optunas_mixtures(name: str) -> None:
    done = check(name, 1, {}, 15, seed=3)
    assert done.winners >= 10
    assert not done.wrong


@pytest.mark.parametrize("name", ["floats", "mixed"])
def test_candidates_are_left_out_only_once_they_are_behind(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As with many thousand trials.
    monkeypatch.setattr(mixture, "_BLOCK", 16)
    monkeypatch.setattr(mixture, "_STRETCH", 32)
    done = check(name, 1, {}, 15, seed=4)
    assert done.winners >= 10
    assert not done.wrong


def study_after(trials: list[FrozenTrial], sampler: TPESampler) -> optuna.Study:
    study = optuna.create_study(sampler=sampler)
    study.add_trials(trials)
    return study


def drawn(study: optuna.Study) -> list[dict[str, object]]:
    return [study.ask(SPACES["mixed"]).params for _ in range(3)]


def test_what_it_does_not_foresee_is_drawn_by_optuna_with_one_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trials = past(Case(SPACES["mixed"]), 40, seed=1)

    def fail(*_: object) -> int:
        raise ZeroDivisionError("after the candidates were drawn")

    monkeypatch.setattr(QuickTPESampler, "_best", fail)
    with pytest.warns(UserWarning, match="ZeroDivisionError") as heard:
        ours = drawn(study_after(trials, QuickTPESampler(seed=5)))
    assert len(heard) == 1
    assert ours == drawn(study_after(trials, TPESampler(seed=5)))


def test_another_version_of_optuna_draws_by_its_own_sampler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def built() -> type:
        spec = parse_sampler("tpe")
        return type(build_sampler(spec, seed=1, space={}, fixed={}, n_objectives=1))

    assert built() is QuickTPESampler
    monkeypatch.setattr(optuna, "__version__", "5.0.99")
    with pytest.warns(UserWarning, match=r"proven for Optuna 5\.0\.0 only, and this is 5\.0\.99"):
        assert built() is TPESampler


def numbered(*states: TrialState, first: int = 0) -> list[FrozenTrial]:
    trials: list[FrozenTrial] = []
    for number, state in enumerate(states, first):
        value = float(number) if state is TrialState.COMPLETE else None
        trial = optuna.create_trial(state=state, value=value)
        trial.number = trial._trial_id = number
        trials.append(trial)
    return trials


def test_the_reader_tells_what_has_ended_since() -> None:
    done, runs = TrialState.COMPLETE, TrialState.RUNNING
    trials = numbered(done, runs, runs)
    reader = Reader()
    assert reader.read(trials) == [0]
    trials = [trials[0], trials[1], *numbered(done, TrialState.FAIL, first=2)]
    assert reader.read(trials) == [2, 3]
    assert reader.read(list(trials)) == []
    assert [place for place, _ in reader.open_trials()] == [1]
    # What had ended is another one, or is gone.
    assert reader.read([*trials[:3], *numbered(done, first=3)]) is None
    assert Reader().read([]) == []
    assert reader.read(trials[:2]) is None


def without_number() -> list[FrozenTrial]:
    trials = numbered(TrialState.COMPLETE)
    trials[0]._values = [math.nan]
    return trials


@pytest.mark.parametrize(
    ("trials", "said"),
    [
        (numbered(TrialState.COMPLETE, first=1) + numbered(TrialState.COMPLETE), "order"),
        (without_number(), "not a number"),
    ],
)
def test_histories_that_only_optuna_can_judge(trials: list[FrozenTrial], said: str) -> None:
    with pytest.raises(UnforeseenError, match=said):
        History(optuna.create_study()).update(optuna.create_study(), trials)


@pytest.mark.parametrize(
    ("low", "high"),
    [(-0.5, 0.5), (-1.0, -0.99), (2.0, 2.5), (6.0, 6.01), (-26.0, -25.0), (0.0, 9.0)],
)
def test_the_mass_of_a_gaussian_is_right_far_into_its_tails(low: float, high: float) -> None:
    near, far = sorted((abs(low), abs(high)))
    if low < 0 < high:
        exact = 1 - 0.5 * math.erfc(high / math.sqrt(2)) - 0.5 * math.erfc(-low / math.sqrt(2))
    else:
        exact = 0.5 * (math.erfc(near / math.sqrt(2)) - math.erfc(far / math.sqrt(2)))
    found = float(log_mass(np.array([low]), np.array([high]))[0])
    assert found == pytest.approx(math.log(exact), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", ["floats", "logs", "mixed", "log-ints", "one"])
@pytest.mark.parametrize("n_trials", [300, 900])
def test_far_from_all_trials_the_last_bits_are_optunas(name: str, n_trials: int) -> None:
    space = SPACES[name]
    random = np.random.RandomState(n_trials)
    trials = numbered(*[TrialState.COMPLETE] * n_trials)
    for trial in trials:
        trial.params = {key: drawn_near(each, random, 0.2) for key, each in space.items()}
    history = History(optuna.create_study())
    history.update(optuna.create_study(), trials)
    columns = Columns(space, history)
    good, others = columns.sides([])
    others[good] = True
    ours = mixture.Mixture(space)
    ours.follow(columns, others)
    points = [{k: drawn_near(d, random, 0.95) for k, d in space.items()} for _ in range(12)]
    samples = {
        key: np.array([each.to_internal_repr(point[key]) for point in points], dtype=float)
        for key, each in space.items()
    }
    candidates = mixture.Candidates(ours.axes, samples)
    density = ours.density(candidates, np.zeros(len(points)))
    assert density.max() < MOST_DENSITY
    parameters = TPESampler()._parzen_estimator_parameters
    optunas = _ParzenEstimator(columns.observations(np.flatnonzero(others)), space, parameters)
    every = np.arange(len(points))
    found = log_pdf_in_the_void(ours, candidates, every, density, 1e-8)
    if found is not None:
        assert found.tolist() == optunas.log_pdf(samples).tolist()
    else:
        assert density.max() > 1e-17

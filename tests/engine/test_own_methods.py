"""A person's sampler or pruner runs beside the engine, which survives whatever it does."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import threading

import optuna
import pytest
from optuna.study import StudyDirection
from tests.engine import own_methods
from tests.waiting import wait_until

from hptui.domain.attribute_keys import RUN_KEY
from hptui.domain.methods.asked_methods import parse_pruner, parse_sampler
from hptui.engine.pruning.prune_reason import why_pruned
from hptui.engine.sampling.own import OwnCodeError, OwnPruner, OwnSampler
from hptui.engine.sampling.pruners import build_pruner
from hptui.engine.sampling.samplers import build_sampler
from hptui.errors import OptionError
from hptui.registry.loading.own_loading import load_own

pytestmark = pytest.mark.usefixtures("clones_programs")

FILE = own_methods.__file__
SPACE = {
    "x": optuna.distributions.FloatDistribution(0, 1),
    "k": optuna.distributions.CategoricalDistribution(["a", None, 2.5]),
}


def sampler_of(text: str, seed: int | None = 7) -> OwnSampler:
    spec = parse_sampler(f"{FILE}:{text}")
    built = build_sampler(spec, seed=seed, space={}, fixed={}, n_objectives=1)
    assert isinstance(built, OwnSampler)
    return built


def asked(study: optuna.Study) -> dict[str, object]:
    trial = study.ask()
    params = {name: trial._suggest(name, each) for name, each in SPACE.items()}
    study.tell(trial, params["x"])
    return params


@pytest.mark.parametrize("n_objectives", [1, 2])
@pytest.mark.parametrize("kind", [own_methods.Twin, own_methods.Genetic])
def test_its_draws_are_those_of_the_class(
    kind: type[own_methods.Twin | own_methods.Genetic], n_objectives: int
) -> None:
    def objective(trial: optuna.Trial) -> tuple[float, ...]:
        n = trial.suggest_int("n", 1, 50, log=True)
        x = trial.suggest_float("x", -1, 1) if n > 5 else 0.0
        k = trial.suggest_categorical("k", ["a", "b", None])
        if trial.number % 5 == 4:
            raise optuna.TrialPruned
        return (x + n, float(k == "a"))[:n_objectives]

    proxy = sampler_of(kind.__name__)
    minimize = [StudyDirection.MINIMIZE] * n_objectives
    studies = [
        optuna.create_study(sampler=each, directions=minimize) for each in (kind(seed=7), proxy)
    ]
    for study in studies:
        study.optimize(objective, n_trials=25)
    theirs, ours = ([(t.state, t.params, t.system_attrs) for t in s.trials] for s in studies)
    assert ours == theirs
    proxy.process.close()


def test_what_it_may_not_do_is_refused_and_the_process_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    proxy = sampler_of("Odd")
    study = optuna.create_study(sampler=proxy)
    asked(study)
    attrs = study._storage.get_trial(study.trials[0]._trial_id).system_attrs
    assert attrs["odd:mark"] == [1, 2]
    assert RUN_KEY not in attrs
    assert "this is odd" in caplog.text
    for sentence in ("cannot add a trial", "ValueError: no"):
        with pytest.raises(OwnCodeError, match=sentence) as caught:
            study.ask()
        assert caught.value.message.isprintable()
    study._thread_local.in_optimize_loop = True
    asked(study)
    assert study._stop_flag
    assert proxy.process.n_output_bytes() < 2_000_000

    failure: list[OwnCodeError] = []

    def hang() -> None:
        try:
            study.ask()
        except OwnCodeError as error:
            failure.append(error)

    thread = threading.Thread(target=hang)
    thread.start()
    wait_until(lambda: len(study.trials) == 5, "the trial that hangs")
    proxy.process.close()
    wait_until(lambda: not thread.is_alive(), "the end of the call")
    assert "has ended" in failure[0].message


def test_its_death_is_told_with_its_last_words() -> None:
    proxy = sampler_of("Dying")
    study = optuna.create_study(sampler=proxy)
    asked(study)
    asked(study)
    with pytest.raises(OwnCodeError, match=r"Dying ended with code 7: out of.* luck") as caught:
        asked(study)
    assert caught.value.message.isprintable()
    with pytest.raises(OwnCodeError):
        study.ask()


def test_a_pruner_prunes() -> None:
    pruner = build_pruner(parse_pruner(f"{FILE}:EveryOther"))
    assert isinstance(pruner, OwnPruner)
    study = optuna.create_study(pruner=pruner)

    def objective(trial: optuna.Trial) -> float:
        for step in range(4):
            trial.report(step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return 1.0

    study.optimize(objective, n_trials=4)
    assert [t.state.name for t in study.trials] == ["COMPLETE", "PRUNED"] * 2
    assert [len(t.intermediate_values) for t in study.trials] == [4, 2, 4, 2]
    assert (
        why_pruned(study, study.trials[1]).text == "Pruned at step 1: 1, by the EveryOther pruner."
    )
    pruner.process.close()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Missing", "has no 'Missing'"),
        ("nothing", "is not an Optuna sampler"),
        ("EveryOther", "is not an Optuna sampler"),
        ("Twin:width=3", "has no argument 'width'"),
        ("Twin:n_startup=many", "n_startup=many does not fit"),
        ("broken", "needs count"),
        ("broken:count=4", "RuntimeError: cannot make 4"),
    ],
)
def test_what_cannot_be_made_says_why(text: str, sentence: str) -> None:
    with pytest.raises(OptionError) as caught:
        load_own("sampler", parse_sampler(f"{FILE}:{text}"), None)
    assert sentence in caught.value.message
    assert "--arg" not in caught.value.hint

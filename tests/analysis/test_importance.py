"""How much parameters matter is what Optuna's own evaluators say, of the same trials."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, cast

import numpy as np
import optuna
import psutil
import pytest
from tests.analysis.plain_studies import made, many, tuned
from tests.figures.looks import LOOKS
from tests.made_trials import param_of
from tests.waiting import DEADLINE_S

from hptui.analysis.importance import Importance, build_importance, judged_trials
from hptui.cli.main import main
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam
from hptui.engine.importance.evaluate import evaluate
from hptui.engine.importance.process import compute_importance
from hptui.errors import UsageError
from hptui.figures.importance import draw_importance, share_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.importance import BaseImportanceEvaluator
    from optuna.trial import FrozenTrial
    from tests.analysis.plain_studies import PlainStudy

    from hptui.analysis.evaluators import Evaluator
    from hptui.figures.canvas.picture import Look
    from hptui.trials import Trials

# Optuna warns of what hptui says in the legend: few trials, and what a lower target means.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.usefixtures("clones_programs"),
]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> PlainStudy:
    return tuned(tmp_path_factory.mktemp("importance") / "a.db", n_trials=30)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> PlainStudy:
    path = tmp_path_factory.mktemp("importance") / "two.db"
    return tuned(path, n_objectives=2, n_trials=30, directions=("minimize", "maximize"))


def judge(evaluator: Evaluator) -> BaseImportanceEvaluator:
    if evaluator == "fanova":
        return optuna.importance.FanovaImportanceEvaluator(seed=0)
    if evaluator == "mdi":
        return optuna.importance.MeanDecreaseImpurityImportanceEvaluator(seed=0)
    return optuna.importance.PedAnovaImportanceEvaluator()


def ours(
    trials: Trials,
    evaluator: Evaluator = "ped-anova",
    objective: int = 0,
    params: Sequence[str] = (),
) -> Importance:
    judged = judged_trials(trials, objective, evaluator)
    shares = evaluate(judged, evaluator, params)
    return build_importance(judged, evaluator, objective, shares, params)


@pytest.mark.parametrize("evaluator", ["ped-anova", "fanova", "mdi"])
def test_it_agrees_with_optuna(plain: PlainStudy, evaluator: Evaluator):
    theirs = optuna.importance.get_param_importances(plain.study, evaluator=judge(evaluator))
    found = ours(plain.trials, evaluator)
    assert dict(found.shares) == theirs
    assert [share for _, share in found.shares] == sorted(theirs.values(), reverse=True)
    is_conditional_judged = evaluator == "ped-anova"
    assert ("momentum" in theirs) == is_conditional_judged
    assert found.left_out == (() if is_conditional_judged else ("momentum",))
    assert found.n_infinite == sum(trial.value == math.inf for trial in plain.study.trials) > 0


@pytest.mark.parametrize("evaluator", ["ped-anova", "mdi"])
def test_it_agrees_of_filtered_trials_and_chosen_parameters(
    plain: PlainStudy, evaluator: Evaluator
):
    is_chosen = plain.trials.numbers >= 12
    study = optuna.create_study()
    study.add_trials([trial for trial in plain.study.trials if trial.number >= 12])
    names = ["lr", "momentum"]
    theirs = optuna.importance.get_param_importances(
        study, evaluator=judge(evaluator), params=names
    )
    found = ours(plain.trials.select(is_chosen), evaluator, params=names)
    assert dict(found.shares) == theirs
    with_both = sum("momentum" in trial.params for trial in study.trials if has_value(trial))
    assert (found.n_used == with_both) == (evaluator == "mdi")


def has_value(trial: FrozenTrial) -> bool:
    is_complete = trial.state is optuna.trial.TrialState.COMPLETE
    return is_complete and math.isfinite(cast("float", trial.value))


@pytest.mark.parametrize("evaluator", ["ped-anova", "mdi"])
def test_each_of_several_objectives_is_judged_in_its_direction(
    two: PlainStudy, evaluator: Evaluator
):
    for objective, sign in ((0, 1.0), (1, -1.0)):
        # Optuna's PED-ANOVA takes the lower target for the better one; its documentation says to
        # negate what is maximized.
        factor = sign if evaluator == "ped-anova" else 1.0
        theirs = optuna.importance.get_param_importances(
            two.study,
            evaluator=judge(evaluator),
            target=lambda trial, at=objective, factor=factor: factor * trial.values[at],
        )
        assert dict(ours(two.trials, evaluator, objective).shares) == theirs


def test_spaces_that_changed_and_choices_are_judged_as_in_optuna():
    specs = FloatParam(0.1, 1.0, log=True), IntParam(1, 9, log=True)
    column = param_of("x", specs, [0.1, 0.2, 0.3, 1.0, 2.0, 9.0], [0, 0, 0, 0, 1, 1])
    params = {
        "x": column,
        "c": param_of("c", ChoiceParam((None, 1, True, "a")), [0, 1, 3, 1, 1, 0]),
        "once": param_of("once", FloatParam(0, 1), [0.5, *[math.nan] * 5]),
    }
    values = [3.0, 1.0, 2.0, 5.0, 0.0, 4.0]
    study = optuna.create_study(direction="maximize")
    floats = optuna.distributions.FloatDistribution(0.1, 1.0, log=True)
    whole = optuna.distributions.IntDistribution(1, 9, log=True)
    choice = optuna.distributions.CategoricalDistribution((None, 1, True, "a"))
    once = optuna.distributions.FloatDistribution(0, 1)
    for row, value in enumerate(values):
        given = {
            "x": (params["x"].value_at(row), floats if row < 4 else whole),
            "c": (params["c"].value_at(row), choice),
        }
        if row == 0:
            given["once"] = (0.5, once)
        study.add_trial(
            optuna.create_trial(
                value=value,
                params={name: each for name, (each, _) in given.items()},
                distributions={name: space for name, (_, space) in given.items()},
            )
        )
    found = ours(made(values, ["maximize"], params=params))
    theirs = optuna.importance.get_param_importances(study)
    assert dict(found.shares) == theirs
    assert found.uncertain == ("once",)


def test_of_very_many_trials_a_part_is_judged_and_told():
    judged = judged_trials(many(n_trials=30_000), 0, "mdi")
    assert len(judged.values) == 20_000
    assert judged.n_finite == 30_000
    assert (np.diff(judged.numbers) > 0).all()
    again = judged_trials(many(n_trials=30_000), 0, "mdi")
    assert judged.numbers.tolist() == again.numbers.tolist()
    found = build_importance(judged, "mdi", 0, {"x": 0.75, "y": 0.25}, ())
    text = draw_importance(found, width=100, height=6).picture.plain()
    assert "20,000 of 30,000 complete, drawn at random" in text
    assert "1 not in all trials, left out" in text
    assert len(judged_trials(many(n_trials=30_000), 0, "ped-anova").values) == 30_000


def test_bars_are_as_long_as_their_shares_and_labelled_as_in_optuna(plain: PlainStudy):
    from optuna.visualization._param_importances import (
        _get_importances_info,  # pyright: ignore[reportPrivateUsage]
    )

    info = _get_importances_info(plain.study, None, None, None, "value")
    figure = draw_importance(ours(plain.trials), width=86, height=10)
    lines = [line for line in figure.picture.plain().split("\n")[:-1] if line]
    assert [line.split()[0] for line in lines] == info.param_names[::-1]
    assert [line.split()[-1] for line in lines] == info.importance_labels[::-1]
    whole = [line.count("█") for line in lines]
    greatest = max(info.importance_values)
    for count, share in zip(whole, reversed(info.importance_values), strict=True):
        assert count == pytest.approx(whole[0] * share / greatest, abs=1)


def test_nothing_to_judge_is_a_sentence():
    column = {"x": param_of("x", FloatParam(0, 1), [0.5])}
    for values, params, sentence in (
        ([], {}, "No trial has completed yet."),
        ([math.inf], column, "No value is finite, so there is nothing to compare."),
        ([1.0], {}, "The complete trials have no parameters."),
    ):
        found = compute_importance(made(values, params=params), 0)
        assert draw_importance(found, width=60, height=9).sentence == sentence
    left_out = build_importance(
        judged_trials(made([1.0], params=column), 0, "mdi"), "mdi", 0, {}, ()
    )
    sentence = draw_importance(left_out, width=60, height=9).sentence
    assert sentence.startswith("Mean decrease impurity needs a parameter that all")


@pytest.mark.parametrize("size", [(1, 1), (16, 2), (40, 5), (130, 40)])
@pytest.mark.parametrize("look", LOOKS)
def test_any_size_gives_a_picture(size: tuple[int, int], look: Look):
    names = [f"\x1b[2J日{index}" for index in range(20)]
    params = {name: param_of(name, FloatParam(0, 1), [0.5, 0.5]) for name in names}
    judged = judged_trials(made([1.0, 1.0], params=params), 0, "ped-anova")
    for shares in (dict.fromkeys(names, 0.05), {names[0]: 1.0, names[1]: 0.0}):
        found = build_importance(judged, "ped-anova", 0, shares, ())
        figure = draw_importance(found, width=size[0], height=size[1], look=look)
        lines = figure.picture.plain().split("\n")
        assert len(lines) <= size[1]
        assert max(map(len, lines)) <= size[0]
        assert "\x1b" not in "".join(lines)
        assert look.unicode or "\n".join(lines).isascii()
    alike = build_importance(judged, "ped-anova", 0, dict.fromkeys(names, 0.05), ())
    text = draw_importance(alike, width=90, height=6).picture.plain()
    assert "nothing tells them apart yet" in text
    assert "5 of 20 parameters, --param chooses" in text
    assert share_text(0.0) == "<0.01"


def test_cancelling_ends_the_process(plain: PlainStudy, monkeypatch: pytest.MonkeyPatch):
    import subprocess

    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(*args: object, **kwargs: object) -> subprocess.Popen[bytes]:
        started.append(popen(*args, **kwargs))  # pyright: ignore
        # It must not be done before it is ended.
        os.kill(started[-1].pid, signal.SIGSTOP)
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)

    class CancelledError(Exception):
        pass

    def tell(text: str) -> None:
        assert text.startswith("PED-ANOVA of ")
        raise CancelledError

    with pytest.raises(CancelledError):
        compute_importance(plain.trials, 0, tell=tell)
    assert [process.poll() for process in started] == [-9]


def test_it_is_printed_and_scripts_get_the_numbers(
    two: PlainStudy, capsys: pytest.CaptureFixture[str]
):
    path = str(two.path)
    assert main(["plot", path, "importance", "--objective", "1", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    data = json.loads(line)
    theirs = optuna.importance.get_param_importances(
        two.study, target=lambda trial: -trial.values[1]
    )
    assert data["importances"] == theirs
    assert (data["objective"], data["evaluator"], data["n_used"]) == (1, "ped-anova", 30)
    # The same trials again come from memory: no process is started.
    assert main(["plot", path, "importance", "--objective", "1", "--width", "60"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("plain: importance for value 1, PED-ANOVA\n")
    for option in (["--json"], ["--evaluator", "mdi"]):
        assert main(["plot", path, "history", *option]) == 2
        assert f"{option[0]} has no effect on history." in capsys.readouterr().err


def test_parameters_that_forests_cannot_judge_together_are_refused():
    params = {
        "x": param_of("x", FloatParam(0, 1), [0.5, math.nan]),
        "y": param_of("y", FloatParam(0, 1), [math.nan, 0.5]),
    }
    with pytest.raises(
        Exception, match="needs complete trials that have all of these parameters"
    ) as refused:
        ours(made([1.0, 2.0], params=params), "mdi", params=["x", "y"])
    assert "ped-anova" in str(vars(refused.value)["hint"])


def test_numbers_that_an_evaluator_cannot_take_are_refused_with_a_reason():
    column = param_of("x", FloatParam(0, 1), [at / 8 for at in range(8)])
    other = param_of("y", FloatParam(0, 1), [at % 3 / 3 for at in range(8)])
    same = made([3.0] * 8, params={"x": column, "y": other})
    with pytest.raises(UsageError, match="have the same value, so fANOVA cannot"):
        ours(same, "fanova")
    assert ours(same, "ped-anova").says_nothing
    far = made([1e308, -1e308, 0.0, 5e-324, 1.0, 2.0, 9.0, 3.0], params={"x": column, "y": other})
    for evaluator in ("fanova", "mdi"):
        with pytest.raises(UsageError, match=r"cannot handle values .* so far apart"):
            ours(far, evaluator)
    with pytest.raises(UsageError, match="lie so far apart"):
        compute_importance(far, 0, "mdi")
    assert sum(share for _, share in ours(far, "ped-anova").shares) == pytest.approx(1)


def test_nobody_is_left_computing_when_who_asked_is_killed():
    # The question never ends: without its parent the process would wait for the rest for good.
    starter = (
        "import os, signal, subprocess, sys\n"
        "command = [sys.executable, '-m', 'hptui.engine.importance.child', str(os.getpid())]\n"
        "print(subprocess.Popen(command, stdin=0).pid, flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starter], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as asking:
        assert asking.stdout is not None
        child = psutil.Process(int(asking.stdout.readline()))
        asking.kill()
        gone, _ = psutil.wait_procs([child], timeout=DEADLINE_S)
    assert gone == [child]


N_EDITED = 40


def edited() -> tuple[Trials, optuna.Study]:
    """Trials under two spaces of x and n, and those within both as Optuna would have them."""
    rng = np.random.default_rng(8)
    before, after = FloatParam(1e-4, 1, log=True), FloatParam(0.01, 10, log=True)
    wide, narrow = IntParam(1, 9), IntParam(3, 12)
    is_later = np.arange(N_EDITED) >= N_EDITED // 2
    x = np.where(is_later, 10 ** rng.uniform(-2, 1, N_EDITED), 10 ** rng.uniform(-4, 0, N_EDITED))
    n = np.where(is_later, rng.integers(3, 13, N_EDITED), rng.integers(1, 10, N_EDITED))
    y = rng.random(N_EDITED)
    values = np.log10(x) ** 2 + 0.3 * n + y / 5
    later = is_later.astype(int).tolist()
    params = {
        "x": param_of("x", (before, after), x, later),
        "n": param_of("n", (wide, narrow), n, later),
        "y": param_of("y", FloatParam(0, 1), y),
    }
    study = optuna.create_study()
    floats = optuna.distributions.FloatDistribution
    ints = optuna.distributions.IntDistribution
    spaces = {"x": floats(0.01, 1, log=True), "n": ints(3, 9), "y": floats(0, 1)}
    for at in range(N_EDITED):
        if 0.01 <= x[at] <= 1 and 3 <= n[at] <= 9:
            given = {"x": float(x[at]), "n": int(n[at]), "y": float(y[at])}
            made_trial = optuna.trial.create_trial(
                params=given, distributions=dict(spaces), value=float(values[at])
            )
            study.add_trial(made_trial)
    return made(values.tolist(), params=params), study


@pytest.mark.parametrize("evaluator", ["fanova", "mdi"])
@pytest.mark.parametrize("names", [(), ("x", "n")])
def test_edited_bounds_are_judged_where_they_overlap_as_optuna_would(
    evaluator: Evaluator, names: tuple[str, ...]
):
    trials, study = edited()
    chosen = list(names) or None
    theirs = optuna.importance.get_param_importances(
        study, evaluator=judge(evaluator), params=chosen
    )
    judged = judged_trials(trials, 0, evaluator, names)
    shares = evaluate(judged, evaluator, names)
    found = build_importance(judged, evaluator, 0, shares, names)
    assert dict(found.shares) == theirs
    assert (found.left_out, found.n_used, found.n_finite) == ((), len(study.trials), N_EDITED)
    assert [(each.name, each.low, each.high) for each in found.narrowed] == [
        ("x", 0.01, 1),
        ("n", 3, 9),
    ]
    assert not found.is_sample
    text = draw_importance(found, width=110, height=9).picture.plain()
    assert f"{len(study.trials)} of {N_EDITED} complete" in text
    assert "x in 0.01 to 1   n in 3 to 9" in text


@pytest.mark.parametrize(
    ("second", "values"),
    [
        (FloatParam(2, 3), [2.5] * 20),  # no overlap
        (FloatParam(0.99, 1.5), [1.2] * 20),  # hardly a trial in it
        (IntParam(0, 1), [1.0] * 20),  # another kind
    ],
)
def test_a_range_of_too_few_trials_is_left_out_as_before(
    second: FloatParam | IntParam, values: list[float]
):
    first = np.linspace(0, 0.9, 20).tolist()
    x = param_of("x", (FloatParam(0, 1), second), [*first, *values], [0] * 20 + [1] * 20)
    y = param_of("y", FloatParam(0, 1), np.linspace(0, 1, 40))
    judged = judged_trials(made(list(range(40)), params={"x": x, "y": y}), 0, "mdi")
    assert (judged.narrowed, judged.n_outside, len(judged.values)) == ((), 0, 40)
    everything = judged_trials(made(list(range(40)), params={"x": x, "y": y}), 0, "ped-anova")
    assert (everything.narrowed, len(everything.values)) == ((), 40)

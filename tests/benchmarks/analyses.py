"""Each analysis on a small and a large study, beside Optuna's figure of the same.

`python -m tests.benchmarks.analyses [TRIALS ...]` prints the rows; by default 1000 and 100000.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from tests.benchmarks.open_study import N_TRIALS, STUDY, write_study_file

from hptui.analysis.importance import judged_trials
from hptui.engine.importance.evaluate import evaluate
from hptui.engine.sampling.to_optuna import to_optuna_study
from hptui.figures.kinds import KINDS
from hptui.figures.request import FigureRequest, Frame, PlottedStudy
from hptui.storage.read.study_reader import StudyReader
from hptui.storage.read.study_reports import read_reports

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from hptui.analysis.evaluators import Evaluator
    from hptui.trials import Trials

Row = tuple[str, str, str, str]

SIZES = (1_000, N_TRIALS)
LIMIT_S = 60.0
"""How long Optuna may take for a figure."""
GOAL_S = 0.5
WITH_A_GOAL = ("history", "edf", "slice", "timeline", "pareto")
_FRAME = Frame(120, 30)
_PEERS = {
    "history": "optimization_history",
    "edf": "edf",
    "slice": "slice",
    "timeline": "timeline",
    "intermediate": "intermediate_values",
    "contour": "contour",
    "rank": "rank",
    "parallel": "parallel_coordinate",
    "pareto": "pareto_front",
    "hypervolume": "hypervolume_history",
}
_PAIRS = ("contour", "rank")
_FORESTS = 200
"""Trials for fANOVA and MDI: more take Optuna minutes, and hptui exactly as long."""


class _TooLongError(Exception):
    """Optuna takes longer than is waited for."""


def _stop(*_: object) -> None:
    raise _TooLongError


def _peer_s(draw: Callable[[], object]) -> float | None:
    """Return how long Optuna takes; None where it is longer than LIMIT_S."""
    signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    began_s = time.perf_counter()
    try:
        draw()
    except _TooLongError:
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return time.perf_counter() - began_s


def _own_s(kind: str, request: FigureRequest) -> float:
    """Return how long it takes from asking to a picture of a study that is open."""
    began_s = time.perf_counter()
    next(KINDS[kind].figures(request)).draw(_FRAME)
    return time.perf_counter() - began_s


def _several(trials: Trials) -> Trials:
    """Return the trials with a second objective, which is at odds with the first."""
    rng = np.random.default_rng(0)
    second = 1 - trials.values[:, 0] + rng.normal(0, 0.3, len(trials.numbers))
    values = np.column_stack([trials.values[:, 0], second])
    return replace(trials, values=values, directions=("minimize", "minimize"))


def _figure(kind: str, study: optuna.Study) -> Callable[[], object]:
    draw: Any = getattr(optuna.visualization, f"plot_{_PEERS[kind]}")
    if kind == "hypervolume":
        worst = np.array([trial.values for trial in study.get_trials(deepcopy=False)]).max(axis=0)
        return lambda: draw(study, worst.tolist())
    if kind in _PAIRS:
        return lambda: draw(study, params=["x0", "x1"])
    return lambda: draw(study)


def _row(what: str, n_trials: int, peer_s: float | None, own_s: float, *, goal: str) -> Row:
    shown = f"over {LIMIT_S:.0f} s" if peer_s is None else f"{peer_s:.2f} s"
    times = "" if peer_s is None else f"{peer_s / own_s:.1f}"
    ratio = f"{times} times" if times else f"over {LIMIT_S / own_s:.0f} times"
    return f"(l) {what}, {n_trials:,} trials", shown, f"{own_s:.2f} s", f"{ratio}{goal}"


def _figures(path: Path, n_trials: int, *, with_importance: bool = True) -> Generator[Row]:
    with StudyReader(path, STUDY) as reader:
        reader.refresh()
    one = reader.trials.select(np.ones(n_trials, np.bool_))
    several = _several(one)
    reports = read_reports(path, STUDY)
    of_one = to_optuna_study(STUDY, one, reports=reports)
    of_several = to_optuna_study(STUDY, several)
    for kind in _PEERS:
        is_several = not KINDS[kind].suits(1)
        study = PlottedStudy(path, STUDY, several if is_several else one, ())
        params = ("x0", "x1") if kind in _PAIRS else ()
        own_s = _own_s(kind, FigureRequest((study,), params=params))
        peer_s = _peer_s(_figure(kind, of_several if is_several else of_one))
        goal = f" (goal {GOAL_S} s)" if kind in WITH_A_GOAL else ""
        yield _row(kind, n_trials, peer_s, own_s, goal=goal)
    advice_s = _own_s("advice", FigureRequest((PlottedStudy(path, STUDY, one, ()),)))
    yield f"(l) advice, {n_trials:,} trials", "", f"{advice_s:.2f} s", ""
    if with_importance:
        yield _importance(one, "ped-anova", of_one)
        yield _whole_importance(path, n_trials)


_OF_OPTUNA = """
import sys, optuna
study = optuna.load_study(study_name=sys.argv[2], storage="sqlite:///" + sys.argv[1])
optuna.importance.get_param_importances(study)
"""


def _whole_importance(path: Path, n_trials: int) -> Row:
    """Compare programs that read the file and judge by PED-ANOVA."""
    peer = [sys.executable, "-W", "ignore", "-c", _OF_OPTUNA, str(path), STUDY]
    own = [sys.executable, "-m", "hptui", "plot", str(path), "importance", "--json"]
    own_s = _program_s(own)
    assert own_s is not None
    what = "importance by ped-anova, a program that reads the file"
    return _row(what, n_trials, _program_s(peer), own_s, goal=" (goal 1)")


def _program_s(command: list[str]) -> float | None:
    began_s = time.perf_counter()
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return None
    return time.perf_counter() - began_s


def _importance(trials: Trials, evaluator: Evaluator, peer: optuna.Study) -> Row:
    """Compare the judging alone; hptui makes Optuna's trials of its columns before."""
    judges: dict[Evaluator, optuna.importance.BaseImportanceEvaluator] = {
        "ped-anova": optuna.importance.PedAnovaImportanceEvaluator(),
        "fanova": optuna.importance.FanovaImportanceEvaluator(seed=0),
        "mdi": optuna.importance.MeanDecreaseImpurityImportanceEvaluator(seed=0),
    }
    began_s = time.perf_counter()
    evaluate(judged_trials(trials, 0, evaluator), evaluator)
    own_s = time.perf_counter() - began_s
    peer_s = _peer_s(
        lambda: optuna.importance.get_param_importances(peer, evaluator=judges[evaluator])
    )
    what = f"importance by {evaluator} alone (Optuna: its trials are loaded)"
    return _row(what, len(trials.numbers), peer_s, own_s, goal="")


def _forests(path: Path) -> Generator[Row]:
    with StudyReader(path, STUDY) as reader:
        reader.refresh()
    trials = reader.trials.select(reader.trials.numbers < _FORESTS)
    peer = to_optuna_study(STUDY, trials)
    yield _importance(trials, "mdi", peer)
    yield _importance(trials, "fanova", peer)


def rows(sizes: tuple[int, ...] = SIZES) -> Generator[Row]:
    """Yield what was measured, Optuna's figure, hptui's, and how they compare."""
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        for n_trials in sizes:
            path = Path(folder) / f"{n_trials}.db"
            write_study_file(path, n_trials)
            if n_trials == sizes[0]:
                # What is imported with the first figure is not a figure's own time.
                for _ in _figures(path, n_trials, with_importance=False):
                    pass
                yield from _forests(path)
            yield from _figures(path, n_trials)


if __name__ == "__main__":
    for row in rows(tuple(map(int, sys.argv[1:])) or SIZES):
        print("| " + " | ".join(row) + " |", flush=True)

"""What the benchmarks run."""

# pyright: basic

import statistics
import time

import optuna


def empty(trial):
    return trial.suggest_float("x", -5, 5) + trial.suggest_float("y", -5, 5)


def waits_a_second(trial):
    time.sleep(1)
    return trial.suggest_float("x", -5, 5)


def five_floats(trial):
    return sum(trial.suggest_float(f"x{index}", -5, 5) for index in range(5))


def reporting(trial):
    x, y = trial.suggest_float("x", -5, 5), trial.suggest_float("y", -5, 5)
    for step in range(50):
        trial.report(x + y + 1 / (step + 1), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return x + y


def answers(trial):
    """Return how many milliseconds it mostly takes from a report to whether to prune."""
    x = trial.suggest_float("x", 0, 1)
    taken = []
    for step in range(500):
        began = time.perf_counter()
        trial.report(x, step)
        trial.should_prune()
        taken.append(time.perf_counter() - began)
    return 1000 * statistics.median(taken)


def busy_work(n_loops):
    total = 0
    for i in range(n_loops):
        total += i * i % 7
    return total


def loops_for(seconds: float) -> int:
    n_loops = 200_000
    best = min(_time(n_loops) for _ in range(5))
    return int(n_loops * seconds / best)


def _time(n_loops):
    began = time.perf_counter()
    busy_work(n_loops)
    return time.perf_counter() - began


def pure_python(trial):
    x, y = trial.suggest_float("x", -5, 5), trial.suggest_float("y", -5, 5)
    import os

    busy_work(int(os.environ["HPTUI_BENCH_LOOPS"]))
    return x + y


def five_params(trial):
    """Pure Python work in a study like the large one."""
    total = sum(trial.suggest_float(f"x{index}", -5, 10 + index) for index in range(5))
    import os

    busy_work(int(os.environ["HPTUI_BENCH_LOOPS"]))
    return total

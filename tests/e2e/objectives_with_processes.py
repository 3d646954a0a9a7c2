"""Objectives that start processes of their own, in every way that Python has."""

# pyright: basic

import concurrent.futures
import multiprocessing
import os
import pickle
from pathlib import Path

KINDS = ("process", "pool", "executor", "spawn", "forkserver", "spawned executor", "joblib")


class Square:
    def __init__(self, value):
        self.value = value * value


def squared(value):
    return Square(value)


def leave_with(code):
    os._exit(code)


def runs_processes(trial):
    """Return 14, the sum of squares, however the processes are started."""
    kind = trial.suggest_categorical("kind", KINDS)
    if kind == "process":
        child = multiprocessing.Process(target=leave_with, args=(14,))
        child.start()
        child.join()
        return child.exitcode
    if kind == "joblib":
        import joblib

        with joblib.parallel_config("loky", inner_max_num_threads=1):
            squares = joblib.Parallel(n_jobs=2)(joblib.delayed(squared)(at) for at in range(4))
        return sum_of(squares)
    if kind in ("executor", "spawned executor"):
        context = multiprocessing.get_context("spawn" if kind != "executor" else None)
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
            return sum_of(executor.map(squared, range(4)))
    context = multiprocessing.get_context(None if kind == "pool" else kind)
    with context.Pool(2) as pool:
        return sum_of(pool.map(squared, range(4)))


def sum_of(squares):
    squares = list(squares)
    assert all(type(each) is Square for each in squares)
    return sum(each.value for each in squares)


def looks_like_a_program(trial):
    """Return 1 where the process looks like that of a program of its own."""
    trial.suggest_float("x", 0, 1)
    return float(
        multiprocessing.get_start_method() == multiprocessing.get_all_start_methods()[0]
        and multiprocessing.parent_process() is None
        and multiprocessing.current_process().name == "MainProcess"
        and "PYTHONSAFEPATH" not in os.environ
    )


def saves_a_model(trial):
    model = Square(trial.suggest_float("x", 0, 1))
    Path(f"model-{trial.number}.pkl").write_bytes(pickle.dumps(model))
    return model.value


def counts_cores(trial):
    """Return the highest number of cores that anything tells."""
    trial.suggest_float("x", 0, 1)
    import joblib
    import psutil

    counts = {
        "os": os.cpu_count(),
        "affinity": len(os.sched_getaffinity(0)),
        "multiprocessing": multiprocessing.cpu_count(),
        "joblib": joblib.cpu_count(),
        "joblib's physical cores": joblib.cpu_count(only_physical_cores=True),
        "psutil": psutil.cpu_count(),
        "psutil's physical cores": psutil.cpu_count(logical=False),
        "OpenMP": int(os.environ["OMP_NUM_THREADS"]),
        "joblib's jobs": joblib.effective_n_jobs(-1),
    }
    print(counts)
    return max(counts.values())

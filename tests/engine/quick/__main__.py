"""`make test-identity`: all samplers and pruners but TPE in lockstep with Optuna's."""

from __future__ import annotations

import argparse
import sys
import time

import optuna
from tests.engine.quick import pruners, samplers

from hptui.engine.run.background import one_blas_thread


def main() -> int:
    """Play every kind with each seed; print what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="seeds for each kind")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with one_blas_thread():
        n_bad = sum(
            _round(seed) for seed in range(arguments.seed, arguments.seed + arguments.rounds)
        )
    return 1 if n_bad else 0


def _round(seed: int) -> int:
    """Play all kinds once; return how many differ."""
    began = time.monotonic()
    n_runs = n_bad = n_values = n_decisions = 0
    for name, kind in samplers.all_kinds().items():
        n_runs += 1
        try:
            n_values += samplers.play(kind, seed).n_compared
        except Exception as error:  # noqa: BLE001 - one kind is not the end of the others
            n_bad += 1
            print(f"{name}, seed {seed}: {type(error).__name__} {error}", flush=True)
    for name in pruners.KINDS:
        for words in pruners.REPORTS:
            n_runs += 1
            try:
                n_decisions += pruners.race(name, words, seed, 120).n_compared
            except Exception as error:  # noqa: BLE001 - one kind is not the end of the others
                n_bad += 1
                print(f"{name}, {words}, seed {seed}: {type(error).__name__} {error}", flush=True)
    print(
        f"Seed {seed}: {n_runs} runs, {n_values} values and {n_decisions} decisions of pruners: "
        f"{n_bad} runs differ. {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return n_bad


if __name__ == "__main__":
    sys.exit(main())

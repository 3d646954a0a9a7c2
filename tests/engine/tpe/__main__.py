"""`make test-identity`: all cases in lockstep with Optuna, and winners against its mixtures."""

from __future__ import annotations

import argparse
import sys
import time
import warnings

import optuna
from tests.engine.tpe.cases import all_cases
from tests.engine.tpe.lockstep import play
from tests.engine.tpe.winners import checks

from hptui.engine.run.background import one_blas_thread


def main() -> int:
    """Play every case with each seed, then check winners; print what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="seeds for each case")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--winners", type=int, default=0, help="winners to check")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    with one_blas_thread():
        n_bad = lockstep(arguments.seed, arguments.rounds)
        n_bad += winners(arguments.winners, arguments.seed)
    return 1 if n_bad else 0


def lockstep(seed: int, rounds: int) -> int:
    """Play all cases; return how many differ."""
    began = time.monotonic()
    n_runs = n_bad = n_compared = n_edits = 0
    tallies = [0, 0, 0, 0]
    for each in range(seed, seed + rounds):
        for name, case in all_cases().items():
            n_runs += 1
            try:
                pair = play(case, each)
            except Exception as error:  # noqa: BLE001 - one case is not the end of the others
                n_bad += 1
                print(f"{name}: {type(error).__name__} {error}", flush=True)
                continue
            n_compared += pair.n_compared
            n_edits += pair.n_edits
            tally = pair.quick.tally
            found = (tally.certain, tally.in_the_void, tally.close, tally.others)
            tallies = [a + b for a, b in zip(tallies, found, strict=True)]
    print(
        f"{n_runs} runs, {n_compared} values, {n_edits} edits: {n_bad} runs differ. "
        f"Winners certain, in the void, too close, by Optuna: {tallies}. "
        f"{time.monotonic() - began:.0f} s"
    )
    return n_bad


def winners(n_winners: int, seed: int) -> int:
    """Check winners; return how many are wrong."""
    n_checked = n_wrong = n_ties = 0
    for name, done in checks(n_winners, seed):
        n_checked += done.winners
        n_wrong += done.wrong
        n_ties += done.ties
        if done.wrong:
            print(f"{name}: {done.wrong} wrong", flush=True)
    if n_winners:
        print(f"{n_checked} winners checked, {n_ties} of them ties: {n_wrong} wrong.")
    return n_wrong


if __name__ == "__main__":
    sys.exit(main())

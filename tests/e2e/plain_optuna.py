"""A program of plain Optuna that does nothing but trials: STORAGE STUDY COUNT."""

from __future__ import annotations

import sys

import optuna


def objective(trial: optuna.Trial) -> float:
    """Do as little as can be done."""
    return trial.suggest_float("x", -5, 5)


def main() -> None:
    """Run the trials one by one once a line is read, and print the number of each."""
    storage, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.RandomSampler()
    study = optuna.load_study(study_name=name, storage=storage, sampler=sampler)
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(count):
        study.optimize(objective, n_trials=1, callbacks=[lambda _, trial: print(trial.number)])
        sys.stdout.flush()


if __name__ == "__main__":
    main()

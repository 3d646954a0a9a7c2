"""What `ask` and two suggestions of TPE cost with a history: Optuna's own cost."""

from __future__ import annotations

import time

import numpy as np
import optuna


def ask_ms(n_trials: int, repeats: int = 5) -> float:
    """Return the median milliseconds of one ask with two floats after `n_trials`."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
    space: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.FloatDistribution(-5, 5) for name in ("x", "y")
    }
    random = np.random.default_rng(1)
    study.add_trials(
        [
            optuna.create_trial(
                params={"x": x, "y": y}, distributions=space, value=float(x * x + y * y)
            )
            for x, y in random.uniform(-5, 5, (n_trials, 2)).tolist()
        ]
    )
    times: list[float] = []
    for _ in range(repeats):
        began = time.perf_counter()
        trial = study.ask(space)
        times.append(1000 * (time.perf_counter() - began))
        study.tell(trial, 0.0)
    return float(np.median(times))

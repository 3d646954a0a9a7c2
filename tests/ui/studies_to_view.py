"""Studies with everything that a view must bear, written row by row."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Final

from tests.storage.study_file import CHOICE, FLOAT, INT, START_S, StudyFile, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOG: Final = (
    '{"name": "FloatDistribution", '
    '"attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}'
)
N_MIXED: Final = 40


def write_studies(path: Path) -> None:
    """Write one file with several studies, each with a name of its own.

    mixed: pruned, failed, running, waiting, infeasible and infinite trials; log, whole,
    conditional and categorical parameters; reports. two: two objectives. one: a single trial.
    failed: only failed ones. plain: one parameter.
    """
    with StudyFile(path) as file:
        file.run("BEGIN")
        _mixed(file, file.add_study("mixed"))
        _two(file, file.add_study("two", ("MINIMIZE", "MAXIMIZE")))
        one = file.add_study("one")
        file.add_trial(0.5, study_id=one, params={"x": (0.5, FLOAT), "n": (3, INT)}, reports={0: 1})
        failed = file.add_study("failed")
        for _ in range(3):
            file.add_trial(None, study_id=failed, state="FAIL", params={"x": (0.5, FLOAT)})
        plain = file.add_study("plain")
        for number in range(6):
            file.add_trial(number, study_id=plain, params={"x": (number / 6, FLOAT)})
        file.run("COMMIT")


def _mixed(file: StudyFile, study_id: int) -> None:
    rng = random.Random(7)
    for number in range(N_MIXED):
        lr, width, kind = 10 ** rng.uniform(-5, 0), rng.randint(1, 9), rng.randrange(3)
        params: dict[str, tuple[object, str]] = {
            "lr": (lr, LOG),
            "width": (width, INT),
            "kind": (kind, CHOICE),
        }
        if width > 4:
            params["momentum"] = (rng.random(), FLOAT)
        value = math.log10(lr) ** 2 + width + kind
        state, given = "COMPLETE", value
        if number % 7 == 3:
            state = "PRUNED"
        elif number % 11 == 5:
            state, given = "FAIL", None
        elif number % 13 == 6:
            given = math.inf
        _add(file, study_id, number, state, given, params, value, width)
    _add(file, study_id, N_MIXED, "RUNNING", None, {"lr": (0.1, LOG)}, 4.0, 1)
    file.add_trial(None, study_id=study_id, state="WAITING", start=None)


def _add(
    file: StudyFile,
    study_id: int,
    number: int,
    state: str,
    value: float | None,
    params: Mapping[str, tuple[object, str]],
    final: float,
    width: int,
) -> None:
    start_s = START_S + number // 2 * 10
    n_reports = 2 if state in ("PRUNED", "RUNNING") else 4
    file.add_trial(
        value,
        study_id=study_id,
        state=state,
        start=text_of(start_s),
        complete=None if state == "RUNNING" else text_of(start_s + 7),
        params=params,
        reports={step: final + 4 - step for step in range(n_reports)},
        attributes={"constraints": [width - 7]},
    )


def _two(file: StudyFile, study_id: int) -> None:
    rng = random.Random(3)
    for number in range(20):
        x, y = rng.random(), rng.random()
        file.add_trial(
            (x**2 + y, x - y),
            study_id=study_id,
            params={"x": (x, FLOAT), "y": (y, FLOAT)},
            attributes={"constraints": [1.0 if number % 6 == 5 else -1.0]},
        )

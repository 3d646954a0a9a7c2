"""A process that writes trials until it is killed: `python writing_process.py FILE`.

It prints the number of each trial whose end it has stored.
"""

from __future__ import annotations

import sys

from optuna.distributions import FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState
from tests.waiting import DEADLINE_S

from hptui.storage.sqlite.storage import SqliteStorage


def main(path: str) -> None:
    storage = SqliteStorage(path, create=True)
    studies = storage.get_all_studies()
    if studies:
        study_id = storage.get_study_id_from_name("s")
    else:
        study_id = storage.create_new_study([StudyDirection.MINIMIZE], "s")
    storage.grouped = True
    announced: list[int] = []
    while True:
        trial_id = storage.create_new_trial(study_id)
        storage.set_trial_param(trial_id, "x", 0.5, FloatDistribution(0, 1))
        for step in range(5):
            storage.set_trial_intermediate_value(trial_id, step, float(step))
        storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [float(trial_id)])
        announced.append(storage.get_trial(trial_id).number)
        if len(announced) == 3:
            assert storage.flush(timeout_s=DEADLINE_S)
            for number in announced:
                print(number)
            sys.stdout.flush()
            announced.clear()


if __name__ == "__main__":
    main(sys.argv[1])

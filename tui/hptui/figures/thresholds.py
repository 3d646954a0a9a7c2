"""Where the pruner of a study ends trials, told from its file."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.pruning.rungs import RungValues
from hptui.analysis.pruning.step_reports import CompleteReports
from hptui.analysis.pruning.thresholds import (
    JudgedTrial,
    PrunerSight,
    Pruning,
    needs_reports,
    needs_rungs,
    pruning_of,
)
from hptui.domain.methods.asked_methods import parse_pruner
from hptui.errors import OptionError
from hptui.storage.read.pruner_inputs import MAX_REPORTS, PrunerInputs
from hptui.storage.read.study_facts import read_facts

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.storage.read.pruner_inputs import StoredReports

_NO_REPORTS: Final = CompleteReports(
    np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), n_trials=0
)
_NO_RUNGS: Final = RungValues(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


class _StudyPruning:
    """One study's pruner and what it goes by; what was read and sorted once is kept."""

    def __init__(self, path: Path, study_name: str) -> None:
        self.inputs = PrunerInputs(path, study_name)
        self._stored: StoredReports | None = None
        self._reports = _NO_REPORTS

    def read(self, trial: JudgedTrial | None) -> Pruning:
        inputs = self.inputs
        directions = inputs.directions()
        if len(directions) != 1:
            return Pruning()
        text = read_facts(inputs.path, inputs.study_name, 1).pruner
        if not text:
            return Pruning(why_none="no pruner is recorded")
        try:
            pruner = parse_pruner(text)
        except OptionError:
            return Pruning(why_none="hptui does not know its pruner")
        reports = self._read_reports() if needs_reports(pruner) else _NO_REPORTS
        if reports is None:
            return Pruning(why_none=f"there are more than {MAX_REPORTS:,} reports")
        rungs = _NO_RUNGS
        if needs_rungs(pruner):
            found = inputs.rungs()
            rungs = RungValues(found.numbers, found.rungs, found.values)
        return pruning_of(
            PrunerSight(inputs.study_name, directions[0], reports, rungs, trial), pruner
        )

    def _read_reports(self) -> CompleteReports | None:
        stored = self.inputs.reports()
        if stored is None:
            return None
        if stored is not self._stored:
            self._stored = stored
            self._reports = CompleteReports(
                stored.trial_ids, stored.steps, stored.values, stored.n_trials
            )
        return self._reports


_lock = threading.Lock()
_latest: list[_StudyPruning] = []
"""The study that was asked for last."""


def is_pruning_known(path: Path, study_name: str) -> bool:
    """Say whether `read_pruning` has what it read of this study before."""
    return any((each.inputs.path, each.inputs.study_name) == (path, study_name) for each in _latest)


def read_pruning(path: Path, study_name: str, trial: JudgedTrial | None = None) -> Pruning:
    """Return where the pruner of a study's latest run ends trials, or one of them.

    It may take a second when a large study is asked for first; what was read is kept.

    Raises:
        StudyFileError: The file or study is not there, or cannot be read.
        StudyBusyError: Another program has locked the file.
    """
    with _lock:
        if not is_pruning_known(path, study_name):
            _latest[:] = [_StudyPruning(path, study_name)]
        return _latest[0].read(trial)

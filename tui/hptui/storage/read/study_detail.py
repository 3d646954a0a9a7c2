"""Everything that a study file holds of one study besides its trials."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from hptui.domain.attribute_keys import (
    ASKED_KEY,
    CHANGES_KEY,
    EDITED_KEY,
    EDITS_KEY,
    METRICS_KEY,
    NEXT_KEY,
    RUN_KEY,
    RUNS_KEY,
    SINCE_KEY,
    STUDY_KEY,
    TAGGED_KEY,
    TAGS_KEY,
    TRANSFERRED_KEY,
)
from hptui.domain.far_workers import FarWorkers
from hptui.domain.next_run import NOTHING_PREPARED, NextRun
from hptui.domain.run_place import NOWHERE, RunPlace
from hptui.domain.spaces.edits_since import read_since
from hptui.domain.study_changes import StudyChange, read_changes, with_edits_since
from hptui.storage.annotations.notes import NO_NOTE, Note, read_note, without_notes
from hptui.storage.files.leases import living_runs
from hptui.storage.files.study_identity import read_identity
from hptui.storage.read.artifacts import Artifact, split_artifacts
from hptui.storage.read.session import open_file, open_study
from hptui.storage.read.studies import StudySummary, summarize
from hptui.storage.sqlite.attributes import Attributes, read_attributes
from hptui.storage.sqlite.timestamps import epoch_s

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run of hptui on a study; texts are empty and numbers None where it did not say."""

    started_s: float | None
    ended_s: float | None
    sampler: str
    pruner: str
    n_trials: int | None
    workers: int | None
    backend: str
    seed: int | None
    reason: str
    """Why it ended; empty while it runs, and after a crash."""
    id: str
    host: str
    """The machine that it ran on."""
    error: str = ""
    """What went wrong with the run as a whole; empty where nothing did."""
    resources: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What it gave its workers, as `Resources.to_json` has it; empty where it was told nothing."""
    notes: tuple[str, ...] = ()
    """What libraries warned of in its engine."""
    place: RunPlace = NOWHERE
    """Where it ran."""
    code_sha: str = ""
    """The digest of what it tuned, as `registry/same_objective.py` makes it."""
    repeat: int = 1
    """How often it ran each configuration."""
    asks_ahead: bool = False
    """Whether its sampler was asked for a trial while all workers ran one."""
    far: FarWorkers | None = None
    """Where its workers were, if that is told, and not on its own machine."""

    @property
    def is_far(self) -> bool:
        """Whether its workers were on other machines."""
        return self.backend in ("ssh", "dask")


@dataclass(frozen=True, slots=True)
class StudyDetail:
    """One study in full."""

    summary: StudySummary
    metric_names: tuple[str, ...]
    """A name for each objective, or none at all."""
    runs: tuple[RunRecord, ...]
    """Oldest first."""
    edits: dict[str, dict[str, Any]]
    """The edits of the search space in force, as `domain.edits` stores them."""
    user_attributes: Attributes
    """Of both kinds of attributes those that have no field of their own here."""
    system_attributes: Attributes
    note: Note = NO_NOTE
    artifacts: tuple[Artifact, ...] = ()
    """Those of the study itself."""
    since: Mapping[str, int] = field(default_factory=dict[str, int])
    """The first trial for which an edit holds, where that is known."""
    prepared: NextRun = NOTHING_PREPARED
    """What the next run has where it is not told otherwise."""
    changes: tuple[StudyChange, ...] = ()
    """The newest changes that people made, oldest first."""


def read_study(path: Path, study_name: str) -> StudyDetail:
    """Return the study with this name.

    Raises:
        StudyFileError: There is no such study, or its file cannot be read.
    """
    living = living_runs(path)

    with open_study(path, study_name) as study:
        connection, study_id = study.connection, study.study_id
        summary = summarize(study, path, living)
        artifacts, system = split_artifacts(
            read_attributes(connection, "study", "system", study_id)
        )
        return StudyDetail(
            summary,
            metric_names_of(system.get(METRICS_KEY), len(summary.directions)),
            runs_of(system.get(RUNS_KEY)),
            _edits(system.get(EDITS_KEY)),
            read_attributes(connection, "study", "user", study_id).without(TAGS_KEY),
            without_notes(
                system.without(
                    STUDY_KEY,
                    RUNS_KEY,
                    TAGGED_KEY,
                    EDITS_KEY,
                    METRICS_KEY,
                    EDITED_KEY,
                    TRANSFERRED_KEY,
                    SINCE_KEY,
                    ASKED_KEY,
                    NEXT_KEY,
                    CHANGES_KEY,
                )
            ),
            read_note(connection, study_id, None),
            artifacts,
            read_since(system.get(SINCE_KEY)),
            NextRun.read(system.get(NEXT_KEY)),
            with_edits_since(
                read_changes(system.get(CHANGES_KEY)),
                system.get(EDITS_KEY),
                read_since(system.get(SINCE_KEY)),
            ),
        )


def metric_names_of(data: object, n_objectives: int) -> tuple[str, ...]:
    """Return what is stored under METRICS_KEY: a name for each objective, or none at all."""
    names = cast("list[object]", data) if isinstance(data, list) else []
    return tuple(map(str, names)) if len(names) == n_objectives else ()


def runs_of(data: object) -> tuple[RunRecord, ...]:
    """Return what is stored under RUNS_KEY, oldest first; what is no record is left out."""
    return tuple(_run(record) for record in _dicts(data))


def count_run(path: Path, study_name: str, run_id: str) -> dict[str, int]:
    """Return how many trials of one run have ended: `complete`, `pruned` and `fail`.

    Raises:
        StudyFileError: The file cannot be read.
    """
    with open_file(path) as connection:
        identity = read_identity(connection, study_name)
        found = connection.execute(
            "SELECT state, COUNT(*) FROM trials JOIN trial_system_attributes USING (trial_id) "
            "WHERE study_id = ? AND key = ? AND value_json = ? GROUP BY state",
            (-1 if identity is None else identity.study_id, RUN_KEY, json.dumps(run_id)),
        ).fetchall()
    by_state = dict(cast("list[tuple[str, int]]", found))
    return {word.lower(): by_state.get(word, 0) for word in ("COMPLETE", "PRUNED", "FAIL")}


def run_starts(runs: Sequence[RunRecord]) -> tuple[float, ...]:
    """Return when runs began, where that is known, in seconds since 1970."""
    return tuple(run.started_s for run in runs if run.started_s is not None)


def _dicts(data: object) -> list[dict[str, Any]]:
    return [cast("dict[str, Any]", item) for item in _items(data) if isinstance(item, dict)]


def _items(data: object) -> list[object]:
    return cast("list[object]", data) if isinstance(data, list) else []


def _edits(data: object) -> dict[str, dict[str, Any]]:
    items = cast("dict[str, object]", data) if isinstance(data, dict) else {}
    return {
        name: cast("dict[str, Any]", edit) for name, edit in items.items() if isinstance(edit, dict)
    }


def _run(record: dict[str, Any]) -> RunRecord:
    def text(key: str) -> str:
        value = record.get(key)
        return "" if value is None else str(value)

    def integer(key: str) -> int | None:
        value = record.get(key)
        return value if isinstance(value, int) else None

    return RunRecord(
        started_s=epoch_s(record.get("started")),
        ended_s=epoch_s(record.get("ended")),
        sampler=text("sampler"),
        pruner=text("pruner"),
        n_trials=integer("n_trials"),
        workers=integer("slots"),
        backend=text("backend"),
        seed=integer("seed"),
        reason=text("reason"),
        id=text("id"),
        host=text("host"),
        error=text("error"),
        resources=dict(*_dicts([record.get("resources")])),
        notes=tuple(map(str, _items(record.get("notes")))),
        repeat=max(1, integer("repeat") or 1),
        asks_ahead=record.get("ask_ahead") is True,
        far=FarWorkers.from_json(record.get("far")),
        place=RunPlace(
            text("folder"),
            text("python"),
            text("python_version"),
            text("optuna"),
            is_other=record.get("other_python") is True,
        ),
        code_sha=text("code_sha"),
    )

"""Artifacts of trials, as Optuna stores them, and as anybody may have written them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import optuna
from optuna.artifacts import FileSystemArtifactStore, upload_artifact

from hptui.cli.output.detail_json import study_json, trial_json
from hptui.cli.output.study_text import study_text
from hptui.cli.output.trial_text import trial_text
from hptui.storage.read.artifacts import Artifact
from hptui.storage.read.study_detail import read_study
from hptui.storage.read.trial_detail import read_trial
from hptui.storage.sqlite.storage import SqliteStorage
from hptui.ui.trial.trial_page import TrialFiles
from hptui.ui.trial.trial_page_lines import file_lines

if TYPE_CHECKING:
    from pathlib import Path

ODD = {
    "artifacts:1": json.dumps({"artifact_id": "\x1b[2J", "filename": "a\x1b]0;x\x07b\n.txt"}),
    "artifacts:2": {"filename": "plain.json", "mimetype": 7},
    "artifacts:3": "{",
    "artifacts:4": json.dumps(["filename"]),
    "artifacts:5": json.dumps({"artifact_id": "none"}),
}


def test_artifacts_are_shown_wherever_a_trial_is(tmp_path: Path) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = tmp_path / "s.db"
    (tmp_path / "store").mkdir()
    (tmp_path / "model.csv.gz").write_text("weights")
    store = FileSystemArtifactStore(str(tmp_path / "store"))
    with SqliteStorage(path, create=True) as storage:
        study = optuna.create_study(storage=storage, study_name="s")
        trial = study.ask()
        for owner in (trial, study):
            file = str(tmp_path / "model.csv.gz")
            upload_artifact(artifact_store=store, file_path=file, study_or_trial=owner)
        for key, value in ODD.items():
            storage.set_trial_system_attr(trial._trial_id, key, value)  # pyright: ignore[reportPrivateUsage]
        study.tell(trial, 1.0)
    detail = read_trial(path, "s", 0)
    names = [each.filename for each in detail.artifacts]
    assert names == ["a\x1b]0;x\x07b\n.txt", "model.csv.gz", "plain.json"]
    stored = detail.artifacts[1]
    assert stored == Artifact(stored.id, "model.csv.gz", "text/csv", "gzip")
    assert (tmp_path / "store" / stored.id).read_text() == "weights"
    # What is no such note is an attribute like others.
    left = [each.key for each in detail.system_attributes.found]
    assert [key for key in left if key.startswith("artifacts")] == sorted(ODD)[2:]
    assert trial_json(detail, None)["artifacts"][1] == {
        "artifact_id": stored.id,
        "filename": "model.csv.gz",
        "mimetype": "text/csv",
        "encoding": "gzip",
    }
    study_detail = read_study(path, "s")
    assert [each["filename"] for each in study_json(study_detail, None)["artifacts"]] == [names[1]]
    assert "model.csv.gz   text/csv" in study_text(study_detail, None)
    page = "\n".join(
        "".join(text for text, _ in line) for line in file_lines(TrialFiles(), detail.artifacts)
    )
    for shown in (trial_text(detail, None), page):
        assert stored.id in shown
        assert "a\\x1b]0;x\\x07b\\x0a.txt" in shown
        assert "\x1b" not in shown

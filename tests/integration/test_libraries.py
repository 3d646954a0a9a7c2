"""Objectives that use other libraries, run by the real program; `make test-integration`."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from optuna.artifacts import FileSystemArtifactStore, download_artifact, get_all_artifact_meta
from optuna.trial import TrialState
from tests.docs.pages import blocks_of
from tests.e2e.programs import load, start_anew
from tests.waiting import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna

pytestmark = pytest.mark.integration
SOURCE = Path(__file__).with_name("objectives_with_libraries.py")


def trials(
    folder: Path, name: str, *options: str, needs: Sequence[str] = ()
) -> list[optuna.trial.FrozenTrial]:
    """Run two trials of an objective and return them; all have ended well."""
    for library in needs:
        pytest.importorskip(library)
    shutil.copy(SOURCE, folder / "train.py")
    arguments = ("run", f"train.py:{name}", "--study", "s", "--trials", "2", *options)
    process = start_anew(*arguments, "--direction", "minimize", cwd=folder)
    # Each process imports a large library, which takes long on a loaded machine.
    _, err = process.communicate(timeout=5 * DEADLINE_S)
    assert process.returncode == 0, err
    ended = load(folder, "s").trials
    assert {trial.state for trial in ended} <= {TrialState.COMPLETE, TrialState.PRUNED}
    return ended


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_a_loader_of_torch_with_workers(tmp_path: Path, backend: str) -> None:
    options = ("--backend", backend, "--jobs", "2")
    trials(tmp_path, "uses_a_torch_loader", *options, needs=["torch"])


def test_processes_that_torch_spawns(tmp_path: Path) -> None:
    ended = trials(tmp_path, "uses_torch_spawn", "--jobs", "1", needs=["torch"])
    assert all(trial.values[0] == trial.params["x"] + 1 for trial in ended)


def test_lightgbm_takes_the_cores_of_its_worker(tmp_path: Path) -> None:
    ended = trials(tmp_path, "uses_lightgbm", "--jobs", "2", needs=["lightgbm"])
    assert all(trial.user_attrs["threads"] == trial.user_attrs["share"] for trial in ended)


def test_mlflow_tracks_trials(tmp_path: Path) -> None:
    needs = ["mlflow", "optuna_integration"]
    ended = trials(tmp_path, "uses_mlflow", "--jobs", "1", needs=needs)
    assert all("mlflow_run_id" in trial.system_attrs for trial in ended)
    assert len(list((tmp_path / "mlruns").glob("*/*/metrics/square"))) == 2


@pytest.mark.parametrize("name", ["uses_lightning", "uses_lightning_in_two_processes"])
def test_lightning_trains_and_prunes(tmp_path: Path, name: str) -> None:
    needs = ["lightning", "optuna_integration"]
    ended = trials(tmp_path, name, "--jobs", "1", needs=needs)
    assert all(set(trial.intermediate_values) >= {0} for trial in ended)


PRUNING = ["prunes_lightgbm", "prunes_xgboost", "prunes_catboost", "prunes_keras", "is_distributed"]


@pytest.mark.parametrize("name", PRUNING)
def test_a_callback_of_optuna_integration_reports_and_prunes(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second trial is bad from its first report on; a threshold ends it there."""
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    library = name.removeprefix("prunes_").replace("is_distributed", "torch")
    options = ("--jobs", "1", "--pruner", "threshold:upper=0.999")
    ended = trials(tmp_path, name, *options, needs=[library, "optuna_integration"])
    good, bad = ended
    assert good.state is TrialState.COMPLETE
    assert len(good.intermediate_values) >= 3
    assert bad.state is TrialState.PRUNED
    assert 0 < len(bad.intermediate_values) <= len(good.intermediate_values)
    if name == "is_distributed":
        assert good.user_attrs["kinds"] == [good.params["kind"]] * 2


def test_environments_of_gymnasium_in_processes(tmp_path: Path) -> None:
    needs = ["gymnasium"]
    ended = trials(tmp_path, "uses_an_asynchronous_environment", "--jobs", "1", needs=needs)
    assert [trial.value for trial in ended] == [20.0, 20.0]


def test_artifacts_are_uploaded_and_found(tmp_path: Path) -> None:
    ended = trials(tmp_path, "uploads_an_artifact", "--jobs", "2")
    study = load(tmp_path, "s")
    store = FileSystemArtifactStore(str(tmp_path / "artifacts"))
    for trial in ended:
        (meta,) = get_all_artifact_meta(trial, storage=study._storage)
        assert meta.artifact_id == trial.user_attrs["artifact"]
        target = tmp_path / f"got-{trial.number}"
        download_artifact(artifact_store=store, file_path=str(target), artifact_id=meta.artifact_id)
        assert float(target.read_text()) == trial.params["x"]


def test_scores_are_reported_to_the_terminator(tmp_path: Path) -> None:
    ended = trials(tmp_path, "reports_scores", "--jobs", "1")
    assert all(any("cv_scores" in key for key in trial.system_attrs) for trial in ended)


def test_a_program_of_hydra_takes_overrides_groups_and_the_folder_of_its_trial(
    tmp_path: Path,
) -> None:
    pytest.importorskip("hydra")
    shutil.copy(SOURCE.with_name("hydra_program.py"), tmp_path / "app.py")
    for name, text in {
        "config": "defaults: [{model: small}, _self_]\nlr: 0.1\nepochs: 1\n",
        "model/small": "name: small\nwidth: 2\n",
        "model/large": "name: large\nwidth: 8\n",
    }.items():
        file = tmp_path / "conf" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    spaces = ("--space", "lr=1e-5..1e-1:log", "--space", "model.width=1..64")
    groups = ("--choices", "model=small|large")
    words = ("app.py", "{overrides}", "+tags={tags=[a,b]|null}", "epochs={epochs=1..3}")
    folder = ("hydra.run.dir={trial_dir}", "hydra.job.chdir=True")
    asked = ("run", "--metric", "val_loss", "--study", "s", "--trials", "4", "--jobs", "2")
    pruner = ("--pruner", "none")
    words = ("--", sys.executable, *words, *folder)
    process = start_anew(*asked, *pruner, *spaces, *groups, *words, cwd=tmp_path)
    _, err = process.communicate(timeout=5 * DEADLINE_S)
    assert process.returncode == 0, err
    ended = load(tmp_path, "s").trials
    assert {trial.state for trial in ended} == {TrialState.COMPLETE}
    for trial in ended:
        x = trial.params
        assert trial.value == pytest.approx(x["lr"] + x["model.width"] / x["epochs"], rel=1e-4)
        assert sorted(trial.intermediate_values) == list(range(1, x["epochs"] + 1))
        own = tmp_path / "s.hptui" / "scratch" / f"{trial.number:06}"
        tags = "None" if x["tags"] is None else "['a', 'b']"
        assert (own / "model.txt").read_text() == f"{x['model']} {tags}"
        assert (own / ".hydra" / "overrides.yaml").exists()
    assert not (tmp_path / "outputs").exists()


def test_a_sampler_of_optunahub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "registry/samplers/steady"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from .steady import Steady\n__all__ = ['Steady']\n")
    (package / "steady.py").write_text(
        "import optuna\n\n\nclass Steady(optuna.samplers.RandomSampler):\n"
        "    def sample_independent(self, study, trial, name, distribution):\n"
        "        return distribution.low\n"
    )
    monkeypatch.setenv("HPTUI_HUB_REGISTRY", str(tmp_path / "registry"))
    options = ("--sampler", "hub:samplers/steady", "--jobs", "1")
    ended = trials(tmp_path, "uses_nothing", *options, needs=["optunahub"])
    assert [each.params["x"] for each in ended] == [0.0, 0.0]


def test_the_guide_on_notebooks_runs_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    cells = [block.code for block in blocks_of("guides/notebook")]  # notebook.md
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])
    nbclient.NotebookClient(
        notebook, timeout=5 * DEADLINE_S, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    first, second = (each["outputs"] for each in notebook["cells"])
    assert "'x'" in str(first)
    assert "30/30" in str(first)
    assert "idle False" in str(second)
    assert len(load(tmp_path, "loss").trials) == 30

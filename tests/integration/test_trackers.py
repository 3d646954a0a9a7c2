"""Services that are told of trials, with the real libraries; `make test-integration`."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from hptui.domain.following import Following, Tracking
from hptui.domain.objective import ObjectiveRef
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.integration

OBJECTIVE = """
import optuna

def objective(trial):
    x = trial.suggest_float("x (of $)", 0, 1)
    trial.suggest_categorical("kind", ["a", None])
    trial.set_user_attr("file", f"model-{trial.number}.pt")
    trial.report(0.5, 0)
    trial.report(0.25, 10)
    if trial.number == 2:
        raise ValueError("once")
    if trial.number == 1:
        raise optuna.TrialPruned
    return x
"""


class Notes(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def run(folder: Path, *tracking: Tracking) -> None:
    (folder / "train.py").write_text(dedent(OBJECTIVE))
    plan = RunPlan(
        ref=ObjectiveRef("file", str(folder / "train.py"), "objective", "train.py"),
        study_file=folder / "s.db",
        study="my study",
        budget=Budget(n_trials=4),
        n_workers=1,
        following=Following(tracking=tracking),
    )
    told = Notes()
    Engine(plan, told).run()
    assert told.notes == []


def test_mlflow_has_a_run_for_each_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow: Any = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "runs").as_uri()
    run(tmp_path, Tracking(kind="mlflow", address=uri))
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("my study")
    runs = {each.info.run_name: each for each in client.search_runs([experiment.experiment_id])}
    assert sorted(runs) == [f"trial-{number}" for number in range(4)]
    first = runs["trial-0"]
    x = float(first.data.params["x _of __"])
    assert first.data.metrics["value"] == pytest.approx(x)
    assert first.data.params["kind"] in ("a", "None")
    assert first.data.tags["file"] == "model-0.pt"
    history = client.get_metric_history(first.info.run_id, "report")
    assert [(each.step, each.value) for each in history] == [(0, 0.5), (10, 0.25)]
    states = [runs[f"trial-{number}"].data.tags["state"] for number in range(4)]
    assert states == ["COMPLETE", "PRUNED", "FAIL", "COMPLETE"]
    assert runs["trial-2"].info.status == "FAILED"


def test_wandb_has_a_row_for_each_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    run(tmp_path, Tracking(kind="wandb", address="tuning"))
    (file,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    written = file.read_bytes()
    for text in (b"params/kind", b"COMPLETE", b"PRUNED", b"FAIL"):
        assert text in written


@contextmanager
def endpoint() -> Generator[tuple[str, list[Any]]]:
    """Yield the address of a local web hook, and what it receives."""
    received: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_apprise_sends_new_bests_and_the_end(tmp_path: Path) -> None:
    pytest.importorskip("apprise")
    with endpoint() as (host, received):
        run(
            tmp_path,
            Tracking(kind="notify", address=f"json://me:geheim@{host}/hook", tells_best=True),
        )
    titles = [each["title"] for each in received]
    assert titles[0].startswith("my study: new best ")
    assert titles[-1] == "my study: ended"
    assert "2 complete, 1 pruned, 1 failed." in received[-1]["message"]

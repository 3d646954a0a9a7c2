"""hptui from Python: functions that only this process knows, tuned by real engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hptui
from hptui.errors import HptuiError, ObjectiveError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import optuna


def test_a_function_of_this_process_is_tuned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    data = [1.0, 2.0]

    def loss(trial: optuna.Trial) -> float:
        return trial.suggest_float("x", -3, 3) ** 2 + sum(data)

    options = {"n_workers": 1, "studies": tmp_path, "seed": 1, "sampler": "random"}
    study = hptui.run(loss, 3, space={"x": "-1..1"}, enqueue=[{"x": 0.5}], **options)  # pyright: ignore[reportArgumentType]
    assert (study.name, study.file, study.is_running) == ("loss", tmp_path / "loss.db", False)
    trials = study.load().trials
    assert [each.state.name for each in trials] == ["COMPLETE"] * 3
    assert trials[0].values == [3.25]
    assert all(abs(each.params["x"]) <= 1 for each in trials)
    assert "3/3" in capsys.readouterr().err

    # The same study goes on with another function of the same name, and its new data.
    data.append(10.0)
    started = hptui.run(loss, 1_000_000, wait=False, progress=False, **options)  # pyright: ignore[reportArgumentType]
    again = hptui.open("loss", studies=tmp_path)
    assert again == started
    assert again.status()["state"] != "idle"
    again.stop(now=True)
    again.wait(progress=False)
    assert all(each.value >= 13 for each in again.load().trials[3:] if each.value is not None)


def test_what_cannot_be_tuned_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stream = (tmp_path / "data").open("w")
    with stream, pytest.raises(ObjectiveError, match="cannot be sent to worker processes"):
        hptui.run(lambda trial: stream.fileno(), 1, study="held", studies=tmp_path)
    with pytest.raises(HptuiError, match="no sampler 'tpee'") as caught:
        hptui.run("branin", 1, sampler="tpee", studies=tmp_path)
    assert "Did you mean tpe?" in caught.value.hint
    with pytest.raises(UsageError, match="There is no study 'held'"):
        hptui.open("held", studies=tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data"]

    def fails(trial: optuna.Trial) -> float:
        raise ZeroDivisionError(f"no {trial.number}")

    with pytest.raises(HptuiError, match="ZeroDivisionError"):
        hptui.run(fails, 2, n_workers=1, studies=tmp_path, progress=False)

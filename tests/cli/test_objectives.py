"""`hptui objectives`: the table, one objective in full, JSON, and what it does not run."""

from __future__ import annotations

import json
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from hptui.cli import main

if TYPE_CHECKING:
    from pathlib import Path

CONDITIONAL = """
    open("ran", "a").close()
    def objective(trial):
        '''Tune a thing.'''
        kind = trial.suggest_categorical("kind", ["net", "svm", "1"])
        if kind == "svm":
            trial.suggest_float("C", 1e-3, 1e3, log=True)
        return trial.suggest_int("depth", 2, 8, step=3)
    """


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def _write(path: Path, source: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(source))


def _out(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["objectives", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_the_list_has_a_line_for_each_objective(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder / "objectives/mine.py", CONDITIONAL)
    _write(folder / "objectives/broken.py", "def (:\n")
    lines = _out(capsys)
    assert lines[0].split() == ["name", "directions", "summary", "origin"]
    rows = {line.split()[0]: line for line in lines[1:]}
    assert rows["mine"].split("  ")[-1].strip() == "file"
    assert "Tune a thing." in rows["mine"]
    assert "maximize, minimize" in rows["digits-forest"]
    assert "entry point" in rows["digits-forest"]
    assert "broken.py, line 1" in rows["broken"]
    starts = {line.index("file") for name, line in rows.items() if name in ("mine", "broken")}
    assert starts == {lines[0].index("origin")}
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_list_fits_the_terminal(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    lines = _out(capsys)
    assert max(map(len, lines)) <= columns
    assert "cancer-boosting-small" in " ".join(lines)
    assert all(line.rstrip().endswith(("origin", "entry point", "…", "file")) for line in lines)


def test_wide_characters_keep_the_columns_aligned(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import unicodedata

    _write(
        folder / "objectives/a.py", "def objective(trial):\n    '''最適化の例'''\n    return 1\n"
    )
    lines = _out(capsys)
    (row,) = [line for line in lines if "最適化" in line]
    before = row[: row.rindex("file")]
    width = sum(2 if unicodedata.east_asian_width(char) == "W" else 1 for char in before)
    assert width == lines[0].index("origin")


def test_nothing_that_a_file_holds_reaches_the_terminal_unescaped(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "\\x1b[2J\\u202e\\x9b31m\\r"
    _write(
        folder / "objectives/hostile.py",
        f"""
        import hptui
        @hptui.objective(name="bad{hostile}", summary="sum{hostile}", tags=["t{hostile}"])
        def objective(trial):
            trial.suggest_categorical("p{hostile}", ["c{hostile}!", "d\\n"])
            return 1
        """,
    )
    text = "\n".join([*_out(capsys), *_out(capsys, "hostile"), *_out(capsys, "hostile", "--json")])
    assert "bad\\x1b[2J" in text
    assert "c\\x1b[2J" in text
    assert not set(text) & set("\x1b\u202e\x9b\r")


def test_the_list_as_json_is_one_array(capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads("\n".join(_out(capsys, "--json")))
    (forest,) = [each for each in listed if each["name"] == "digits-forest"]
    assert forest["directions"] == ["maximize", "minimize"]
    assert forest["source"]["target"] == "hptui_objectives.digits_forest"
    assert forest["problem"] is None


def test_one_objective_is_shown_with_its_probed_parameters(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder / "train.py", CONDITIONAL)
    lines = _out(capsys, "train.py")
    text = "\n".join(lines)
    assert "Summary:    Tune a thing." in text
    assert f"Source:     {folder}/train.py:objective" in text
    rows = {line.split()[0]: line.split() for line in lines if line.endswith("probed")}
    assert rows["kind"] == ["kind", "choice", "net,", "svm,", '"1"', "always", "probed"]
    assert rows["C"] == ["C", "float", "0.001", "1000.0", "log", *["kind", "=", "svm"], "probed"]
    assert rows["depth"] == ["depth", "int", "2", "8", "linear", "3", "always", "probed"]


def test_one_objective_as_json_has_its_space_and_what_probing_saw(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder / "train.py", CONDITIONAL)
    shown = json.loads("\n".join(_out(capsys, "train.py:objective", "--json")))
    assert shown["parameters"]["C"] == {
        "kind": "float", "low": 0.001, "high": 1000.0, "log": True, "step": None,
        "condition": "kind = svm", "origin": "probed", "dynamic": False,
    }  # fmt: skip
    assert shown["parameters"]["kind"]["choices"] == ["net", "svm", "1"]
    assert shown["probe"]["complete"]
    assert shown["probe"]["values_returned"] == 1


def test_without_probing_none_of_its_code_runs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder / "train.py", CONDITIONAL)
    text = "\n".join(_out(capsys, "train.py", "--no-probe"))
    assert "No parameters are known." in text
    assert "Not probed" in text
    assert not (folder / "ran").exists()
    text = "\n".join(_out(capsys, "branin", "--no-probe"))
    assert "declared" in text


def test_what_probing_could_not_do_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder / "raises.py", "def objective(trial): raise OSError('no data')\n")
    assert "The objective fails: OSError: no data" in _out(capsys, "raises.py")
    _write(folder / "two.py", "def objective(trial): return 1, trial.suggest_float('x', 0, 1)\n")
    assert "It returns 2 values" in "\n".join(_out(capsys, "two.py"))
    many = "def objective(trial): return trial.suggest_categorical('x', list(range(99)))\n"
    _write(folder / "many.py", many)
    assert "there may be more parameters" in "\n".join(_out(capsys, "many.py"))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nothing", "There is no objective 'nothing'."),
        ("nothing.py", "There is no file nothing.py."),
        ("broken.py:objective", "broken.py, line 2: ZeroDivisionError"),
        ("broken.py:other", "broken.py, line 2: ZeroDivisionError"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, sentence: str
) -> None:
    _write(folder / "broken.py", "def objective(trial): return 1\n1 / 0\n")
    assert main(["objectives", name]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert sentence in said.err
    assert "Traceback" not in said.err


def test_the_plain_list_imports_nothing_heavy(folder: Path) -> None:
    for name in ("optuna", "numpy", "decoy"):
        _write(folder / f"{name}.py", "open('ran', 'w')\n")
    _write(folder / "objectives/decoy.py", CONDITIONAL)
    code = "import sys; from hptui.cli import main; main(['objectives']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    )
    *table, modules = done.stdout.splitlines()
    assert any(line.startswith("decoy ") for line in table)
    heavy = {"optuna", "numpy", "sklearn", "joblib", "psutil", "textual", "hptui_objectives"}
    assert heavy.isdisjoint(modules.split())
    assert not (folder / "ran").exists()


def test_a_direction_that_reading_does_not_tell_is_said_with_what_is_not_taken_over(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """
        import sys, optuna
        def objective(trial): return trial.suggest_float("x", 0, 1)
        if __name__ == "__main__":
            study = optuna.create_study(direction=sys.argv[1])
            study.optimize(objective, n_trials=7)
        """
    _write(folder / "objectives/mine.py", source)
    (row,) = [line for line in _out(capsys) if line.startswith("mine ")]
    assert "unclear" in row
    shown = "\n".join(_out(capsys, "mine", "--no-probe"))
    doubt = "makes a study whose direction only running it tells (line 5)"
    assert f"Directions: unclear: it {doubt}" in shown
    assert "mine.py also sets n_trials (7, line 6; --trials 7): not taken over." in shown
    data = json.loads("\n".join(_out(capsys, "mine", "--no-probe", "--json")))
    assert data["directions_doubt"] == doubt
    assert data["not_taken_over"] == ["n_trials (7, line 6; --trials 7)"]

"""Finding objectives by name and by path, without running any of them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from hptui.domain.objective import ObjectiveRef
from hptui.errors import ObjectiveError
from hptui.registry.catalogue import FoundObjective, find_objectives, resolve, shown_name, spell
from hptui.registry.known_code import note_run, unknown_code
from hptui.registry.same_objective import is_same_objective, source_sha

PLAIN = "def objective(trial):\n    '''A plain one.'''\n    return trial.suggest_float('x', 0, 1)\n"
TWO = "def first(trial): return 1\ndef second(trial): return 2\n"


def _write(path: Path, source: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(source))
    return path


def _loose(folder: Path) -> dict[str, FoundObjective]:
    return {each.ref.name: each for each in find_objectives(folder) if each.origin == "file"}


def _install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *entries: str, name: str = "thing"
) -> None:
    """Put a distribution with entry points on the path, as pip would."""
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = ["[hptui.objectives]", *entries]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])


def test_the_bundled_objectives_are_listed_with_their_metadata() -> None:
    found = {each.ref.name: each for each in find_objectives(Path("no-such-folder"))}
    svc = found["digits-svc"]
    assert svc.ref == ObjectiveRef(
        "module", "hptui_objectives.digits_svc", "objective", "digits-svc"
    )
    assert (svc.origin, svc.problem) == ("entry point", "")
    assert svc.info.directions == ("maximize",)
    assert svc.info.summary
    assert [each.problem for each in found.values()] == [""] * len(found)


def test_loose_files_are_listed_under_names_that_can_be_typed(tmp_path: Path) -> None:
    folder = tmp_path / "objectives"
    _write(folder / "my_train.py", PLAIN)
    _write(folder / "pair.py", TWO)
    _write(
        folder / "named.py", "import hptui\n@hptui.objective(name='nice')\ndef f(trial): return 1\n"
    )
    _write(folder / "_helper.py", PLAIN)
    _write(folder / "data.py", "ROWS = 3\n")
    found = _loose(folder)
    assert set(found) == {"my-train", "nice", "pair.py:first", "pair.py:second"}
    for name, each in found.items():
        assert resolve(name, tmp_path).ref == each.ref
    assert found["my-train"].info.summary == "A plain one."


def test_a_broken_file_is_listed_with_its_problem(tmp_path: Path) -> None:
    _write(tmp_path / "broken.py", "def objective(trial):\n    return (\n")
    _write(tmp_path / "good.py", PLAIN)
    found = _loose(tmp_path)
    assert "broken.py, line" in found["broken"].problem
    assert found["good"].problem == ""


def test_files_of_one_name_are_listed_by_their_paths(tmp_path: Path) -> None:
    decorated = "import hptui\n@hptui.objective(name='same')\ndef objective(trial): return 1\n"
    _write(tmp_path / "objectives/a.py", decorated)
    _write(tmp_path / "objectives/b.py", decorated)
    assert set(_loose(tmp_path / "objectives")) == {
        "objectives/a.py:objective",
        "objectives/b.py:objective",
    }
    with pytest.raises(ObjectiveError, match="several") as caught:
        resolve("same", tmp_path)
    assert (
        "objectives/a.py:objective" in caught.value.hint or "/a.py:objective" in caught.value.hint
    )
    assert resolve("objectives/b.py:objective", tmp_path).ref.target.endswith("b.py")
    assert resolve("a", tmp_path).ref.target.endswith("a.py")


def test_a_loose_file_does_not_take_the_place_of_an_installed_objective(tmp_path: Path) -> None:
    _write(tmp_path / "objectives/branin.py", PLAIN)
    with pytest.raises(ObjectiveError, match="several") as caught:
        resolve("branin", tmp_path)
    assert "hptui_objectives.branin:objective" in caught.value.hint
    assert resolve("hptui_objectives.branin:objective", tmp_path).ref.kind == "module"


def test_a_path_stands_for_the_only_objective_or_the_one_called_so(tmp_path: Path) -> None:
    path = _write(tmp_path / "sub/train.py", PLAIN + "def other(trial): return 1\n")
    found = resolve("sub/train.py", tmp_path)
    assert found.ref == ObjectiveRef("file", str(path), "objective", "sub/train.py")
    assert found.info.name == "train"
    assert resolve(str(path), tmp_path).ref.attribute == "objective"
    assert resolve("sub/train.py:other", tmp_path).ref.attribute == "other"
    assert resolve("./sub/../sub/train.py", tmp_path).ref.target == str(path)


def test_a_path_in_the_home_folder_is_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = _write(tmp_path / "train.py", PLAIN)
    assert resolve("~/train.py", Path("/")).ref.target == str(path)


@pytest.mark.parametrize("text", ["run:1/train.py", "run:1/train.py:objective", "run:1/a:b.py"])
def test_colons_in_a_path_are_part_of_it(tmp_path: Path, text: str) -> None:
    _write(tmp_path / "run:1/train.py", PLAIN)
    _write(tmp_path / "run:1/a:b.py", PLAIN)
    found = resolve(text, tmp_path)
    assert found.ref.attribute == "objective"
    assert Path(found.ref.target).exists()


def test_a_file_with_several_objectives_asks_which(tmp_path: Path) -> None:
    _write(tmp_path / "pair.py", TWO)
    with pytest.raises(ObjectiveError, match="several") as caught:
        resolve("pair.py", tmp_path)
    assert "pair.py:first, pair.py:second" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no objective"),
        ("  ", "no objective"),
        ("nothing", "no objective"),
        ("nothing:objective", "no module nothing"),
        ("a\x1b[2Jb", r"\\x1b"),
        ("nul\0.py", r"\\x00"),
        ("none.py", "no file none.py"),
        ("none.py:objective", "no file none.py"),
        ("sub/none.py", "no file sub/none.py"),
        ("x" * 5000, "no objective"),
        ("x" * 5000 + ".py", "no file x"),
        ("~nobody/train.py", "no file ~nobody"),
        ("empty.py", "no function that takes a trial"),
        ("empty.py:a b", "not the name"),
        ("sub/", "is a folder"),
        ("json", "no objective"),
    ],
)
def test_what_does_not_exist_gets_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "sub").mkdir()
    _write(tmp_path / "empty.py", "ROWS = 3\n")
    with pytest.raises(ObjectiveError, match=sentence) as caught:
        resolve(text, tmp_path)
    assert caught.value.hint
    assert len(caught.value.message) < 1000


GUARD = 'if __name__ == "__main__":\n    '
CALLED = "def tune():\n    "
NEAR = {
    "made by a call": (
        f"tune_model = make(1)\n{CALLED}study.optimize(tune_model)",
        "no function that takes a trial; its study runs tune_model",
        "near.py:tune_model",
    ),
    "in a dict": (
        f'objectives = {{}}\nobjectives["a"] = make(1)\n{CALLED}study.optimize(objectives["a"])',
        r"its study runs objectives\['a'\] \(line 4\), which has no name",
        "objective = objectives['a'], and write near.py:objective",
    ),
    "in a loop": (
        "def one(t): return t\ndef two(t): return t\n"
        f"{CALLED}for each in (one, two): study.optimize(each)",
        r"tunes one, two in a loop \(line 4\)",
        "Write near.py:one or near.py:two",
    ),
    "imported": (
        f"from lab import score\n{CALLED}study.optimize(func=score, n_trials=3)",
        "its study runs score",
        "near.py:score",
    ),
    "asks itself": (
        "import optuna\nstudy = optuna.create_study()\nfor _ in range(3):\n    study.ask()",
        "near.py asks for its trials itself .line 4: study.ask.",
        "call study.optimize(objective, n_trials=...) instead of the loop",
    ),
    "under the guard": (
        f"{GUARD}def objective(trial): return 1",
        'defines objective under `if __name__ == "__main__":` \\(line 2\\)',
        "Define objective at the top level",
    ),
    "in a function": (
        "def main():\n    def score(trial): return 1\n    study.optimize(score)",
        "defines score in the function main \\(line 2\\)",
        "Define score at the top level",
    ),
    "two that need more": (
        "def one(trial, rows): return 1\ndef two(trial, rows): return 1",
        "no function that takes a trial\\.",
        "near.py:FUNCTION",
    ),
}


@pytest.mark.parametrize("what", NEAR)
def test_a_file_without_an_objective_says_what_is_near(tmp_path: Path, what: str) -> None:
    source, sentence, hint = NEAR[what]
    _write(tmp_path / "near.py", source)
    with pytest.raises(ObjectiveError, match=sentence) as caught:
        resolve("near.py", tmp_path)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (
            f"def score(trial, data): return 1\n{CALLED}study.optimize(partial(score, data=rows))",
            "data",
        ),
        (
            "def helper(trial, n): return 1\ndef score(trial, data): return helper(trial, 1)\n"
            f"{CALLED}study.optimize(lambda trial: score(trial, rows))",
            "data",
        ),
        (
            "class Objective:\n    def __init__(self, X, y): ...\n"
            f"    def __call__(self, trial): return 1\n{CALLED}study.optimize(Objective(X, y))",
            "X, y",
        ),
    ],
)
def test_the_only_objective_says_what_it_needs_besides_a_trial(
    tmp_path: Path, source: str, problem: str
) -> None:
    problem = f"it needs arguments besides the trial: {problem}"
    _write(tmp_path / "near.py", source)
    found = resolve("near.py", tmp_path)
    assert found.problem == problem
    assert found.hint
    assert resolve(f"near.py:{found.ref.attribute}", tmp_path).problem == problem
    assert [each for each in find_objectives(tmp_path) if each.origin == "file"] == []


PLAIN_FUNCTION = "def objective(trial): return 1\n"
SCRIPTS = {
    "top level": (f"{PLAIN_FUNCTION}study.optimize(objective)", "script"),
    "guard": (f"{PLAIN_FUNCTION}{GUARD}study.optimize(objective)", "script"),
    "called function": (
        f"import optuna\ndef main():\n    {PLAIN_FUNCTION}    optuna.x().optimize(objective)\n"
        "main()",
        "script",
    ),
    "own module": (f"from lab import tune\n{GUARD}tune()", "script"),
    "not called": (
        f"import optuna\n{PLAIN_FUNCTION}def tune(): optuna.x().optimize(objective)",
        "file",
    ),
    "inner study": (
        "import optuna\ndef objective(trial):\n    optuna.x().optimize(len)\n    return 1\n"
        f"{GUARD}print(1)",
        "file",
    ),
    "made for hptui": (
        f"import hptui\n@hptui.objective()\n{PLAIN_FUNCTION}{GUARD}study.optimize(objective)",
        "file",
    ),
    "no call": (f"{PLAIN_FUNCTION}{GUARD}print(objective(None))", "file"),
}


@pytest.mark.parametrize("what", SCRIPTS)
def test_a_path_is_a_script_where_running_it_optimizes_a_study(tmp_path: Path, what: str) -> None:
    source, kind = SCRIPTS[what]
    _write(tmp_path / "lab.py", "import optuna\ndef tune(): optuna.x().optimize(len)\n")
    _write(tmp_path / "tune.py", source)
    assert resolve("tune.py", tmp_path).ref.kind == kind
    asked = resolve("tune.py", tmp_path, argv=["--n", "3"], study_of="2").ref
    assert (asked.kind, asked.attribute, asked.argv) == ("script", "2", ("--n", "3"))
    if what not in ("called function", "own module"):
        assert resolve("tune.py:objective", tmp_path).ref.kind == "file"
    with pytest.raises(ObjectiveError, match="Only a script"):
        resolve("tune.py:objective", tmp_path, argv=[])


def test_a_script_with_other_arguments_is_another_objective_and_unknown_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = str(_write(tmp_path / "tune.py", SCRIPTS["top level"][0]))
    bare = ObjectiveRef("script", path, "", "tune.py")
    with_data = replace(bare, argv=("--data", "wine"))
    function = ObjectiveRef("file", path, "objective", "tune.py:objective")
    assert is_same_objective(bare, replace(bare, attribute="1", name="./tune.py"))
    assert not is_same_objective(bare, replace(bare, attribute="2"))
    assert not is_same_objective(bare, with_data)
    # Studies that were made by the function go on by the script, and the other way round.
    assert is_same_objective(function, with_data)
    assert is_same_objective(bare, function)
    note_run(bare, Path.cwd())
    assert unknown_code(bare, tmp_path / "s.db", "s") is None
    assert unknown_code(with_data, tmp_path / "s.db", "s") is not None
    assert spell(replace(with_data, attribute="2")) == f"{path} --study-of 2 -- --data wine"
    assert shown_name(bare) == "tune.py"


def test_close_names_are_offered(tmp_path: Path) -> None:
    _write(tmp_path / "train.py", PLAIN)
    with pytest.raises(ObjectiveError) as caught:
        resolve("digits_svc", tmp_path)
    assert "digits-svc" in caught.value.hint
    assert "`hptui objectives`" in caught.value.hint
    with pytest.raises(ObjectiveError) as caught:
        resolve("trian.py", tmp_path)
    assert "train.py" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no_such.module:objective", "There is no module no_such."),
        ("json.nowhere.deep:objective", "json has no module nowhere."),
        ("pack.nowhere:objective", "pack has no module nowhere."),
        ("pack.train.more:objective", "pack.train has no module more."),
        ("sys:objective", "The module sys has no Python file."),
    ],
)
def test_a_module_that_does_not_exist_is_called_so(
    text: str, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "pack").mkdir()
    for name in ("__init__.py", "train.py"):
        (tmp_path / "pack" / name).touch()
    with pytest.raises(ObjectiveError) as raised:
        resolve(text, tmp_path)
    assert raised.value.message == sentence


def test_a_module_in_the_current_folder_is_found_without_importing_it(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    tell = f"open({str(marker)!r}, 'w')\n"
    _write(tmp_path / "pack/__init__.py", tell)
    _write(tmp_path / "pack/deep/__init__.py", tell)
    _write(tmp_path / "pack/deep/train.py", tell + PLAIN)
    found = resolve("pack.deep.train:objective", tmp_path)
    assert found.ref == ObjectiveRef(
        "module", "pack.deep.train", "objective", "pack.deep.train:objective"
    )
    assert found.info.summary == "A plain one."
    assert resolve("pack.deep.train", tmp_path).ref.attribute == "objective"
    with pytest.raises(ObjectiveError):
        resolve("pack.deep.other:objective", tmp_path)
    assert not marker.exists()


def test_an_entry_point_that_cannot_be_read_is_still_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "site/catalogue_fine.py", PLAIN)
    _write(tmp_path / "site/catalogue_broken.py", "def (:\n")
    _install(
        tmp_path / "site",
        monkeypatch,
        "t-fine = catalogue_fine:objective",
        "t-spaced = catalogue_fine : objective [extra]",
        "t-broken = catalogue_broken:objective",
        "t-missing = catalogue_missing.deep:objective",
        "t-module = catalogue_fine",
    )
    found = {each.ref.name: each for each in find_objectives(tmp_path)}
    assert found["t-fine"].problem == ""
    assert found["t-fine"].info.summary == "A plain one."
    assert found["t-fine"].info.name == "t-fine"
    assert found["t-spaced"].ref.attribute == "objective"
    assert "catalogue_broken.py, line 1" in found["t-broken"].problem
    assert "cannot be found" in found["t-missing"].problem
    assert "module:attribute" in found["t-module"].problem


def test_the_hash_of_a_source_changes_with_the_file_and_needs_no_import(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    path = _write(tmp_path / "train.py", f"open({str(marker)!r}, 'w')\n" + PLAIN)
    ref = resolve("train.py", tmp_path).ref
    before = source_sha(ref)
    assert before == source_sha(ref)
    path.write_text(path.read_text() + "#")
    assert source_sha(ref) != before
    assert (
        len(source_sha(ObjectiveRef("module", "hptui_objectives.branin", "objective", "b"))) == 64
    )
    assert not marker.exists()
    with pytest.raises(ObjectiveError, match="cannot be found"):
        source_sha(ObjectiveRef("module", "no.such.module", "objective", "x"))


LISTING = """
import json, sys
from pathlib import Path
from hptui.registry.catalogue import find_objectives, resolve
found = find_objectives()
for name in ("decoy", "decoy.py", "objectives/decoy.py:objective", "digits-svc", "pack.train"):
    resolve(name, Path.cwd())
print(json.dumps({"names": [each.ref.name for each in found], "modules": sorted(sys.modules)}))
"""


@pytest.mark.parametrize("options", [["-P"], []], ids=["safe path", "current folder on the path"])
def test_listing_and_resolving_in_a_hostile_folder_run_nothing_of_it(
    tmp_path: Path, options: list[str]
) -> None:
    marker = tmp_path / "ran"
    tell = f"open({str(marker)!r}, 'a').write(__name__)\n"
    for name in ("optuna", "numpy", "sklearn", "joblib", "psutil", "textual", "sitecustomize"):
        _write(tmp_path / f"{name}.py", tell)
    _write(tmp_path / "objectives/decoy.py", tell + PLAIN)
    _write(tmp_path / "objectives/__init__.py", tell)
    _write(tmp_path / "pack/__init__.py", tell)
    _write(tmp_path / "pack/train.py", tell + PLAIN)
    done = subprocess.run(
        [sys.executable, *options, "-c", LISTING],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert "decoy" in told["names"]
    assert not marker.exists()
    heavy = {"optuna", "numpy", "sklearn", "joblib", "psutil", "textual", "hptui_objectives"}
    assert heavy.isdisjoint(told["modules"])

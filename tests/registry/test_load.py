"""Loading objectives: how their files see the world, and what goes wrong in them."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from hptui.domain.objective import ObjectiveRef
from hptui.registry.catalogue import resolve
from hptui.registry.loading.load import (
    DETAIL_CHARS,
    LoadError,
    describe_error,
    load_objective,
    loaded_info,
)
from hptui.registry.scripts.script_process import MAIN_IN_CHILDREN

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _restored_interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    monkeypatch.setitem(sys.modules, MAIN_IN_CHILDREN, sys.modules["__main__"])
    yield
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def _ref(path: Path, source: str, attribute: str = "objective") -> ObjectiveRef:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(source))
    return ObjectiveRef("file", str(path), attribute, "tested")


def _call(ref: ObjectiveRef) -> Any:
    return load_objective(ref)(None)


def _refused(ref: ObjectiveRef) -> LoadError:
    with pytest.raises(LoadError) as caught:
        load_objective(ref)
    return caught.value


def test_a_file_sees_itself_as_python_would_run_it_but_is_not_main(tmp_path: Path) -> None:
    ref = _ref(
        tmp_path / "sub/train.py",
        """
        import sys
        from pathlib import Path
        SEEN = (__name__, __file__, sys.path[0], sys.argv)
        if __name__ == "__main__":
            raise RuntimeError
        def objective(trial):
            return SEEN
        """,
    )
    arguments = list(sys.argv)
    name, file, first, argv = _call(ref)
    assert file == str(tmp_path / "sub/train.py")
    assert first == str(tmp_path / "sub")
    assert argv == [file]
    assert sys.argv == arguments
    assert name == "train"
    assert sys.modules[name].__file__ == file


def test_files_beside_it_import_and_only_there(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/load_sibling_a.py").write_text("ROWS = 7\n")
    (tmp_path / "sub/load_sibling_b.py").write_text("ROWS = 8\n")
    ref = _ref(
        tmp_path / "sub/train.py",
        """
        from load_sibling_a import ROWS
        def objective(trial):
            import load_sibling_b
            return ROWS, load_sibling_b.ROWS
        """,
    )
    assert _call(ref) == (7, 8)


def test_a_linked_file_finds_what_stands_beside_the_real_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/load_linked_sibling.py").write_text("ROWS = 9\n")
    _ref(
        tmp_path / "real/train.py",
        "import load_linked_sibling as s\ndef objective(t): return s.ROWS\n",
    )
    link = tmp_path / "link.py"
    link.symlink_to(tmp_path / "real/train.py")
    assert _call(ObjectiveRef("file", str(link), "objective", "x")) == 9


def test_two_files_of_one_name_are_two_modules(tmp_path: Path) -> None:
    one = _ref(tmp_path / "a/train.py", "def objective(trial): return 1\n")
    two = _ref(tmp_path / "b/train.py", "def objective(trial): return 2\n")
    assert (_call(one), _call(two)) == (1, 2)


def test_a_file_is_run_once_and_leaves_no_bytecode(tmp_path: Path) -> None:
    ref = _ref(
        tmp_path / "train.py",
        """
        with open("runs", "a") as stream: stream.write("x")
        def objective(trial): return 1
        def other(trial): return 2
        """,
    )
    first = load_objective(ref)
    other = load_objective(ObjectiveRef("file", ref.target, "other", "x"))
    assert load_objective(ref) is first
    assert other(None) == 2
    assert (tmp_path / "runs").read_text() == "x"
    assert not (tmp_path / "__pycache__").exists()


def test_an_edit_of_the_same_second_and_size_is_seen_by_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    told: list[str] = []
    for value in (1, 2):
        path.write_text(f"def objective(trial): return {value}\n")
        os.utime(path, (1_000_000_000, 1_000_000_000))
        code = "from hptui.registry.loading.load import *; from hptui.domain.objective import *\n"
        code += f"print(load_objective(ObjectiveRef('file', {str(path)!r}, 'objective', ''))(0))"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        told.append(done.stdout.strip())
    assert told == ["1", "2"]


@pytest.mark.parametrize("name", ["my-train.py", "__main__.py", "optuna.py", "2nd.py"])
def test_a_file_that_cannot_be_imported_by_its_name_is_called_like_a_main_module(
    tmp_path: Path, name: str
) -> None:
    ref = _ref(tmp_path / name, "def objective(trial): return __name__\n")
    assert _call(ref) == MAIN_IN_CHILDREN


def test_dataclasses_and_pickle_work_inside_a_file(tmp_path: Path) -> None:
    ref = _ref(
        tmp_path / "train.py",
        """
        from __future__ import annotations
        import pickle
        from dataclasses import dataclass
        @dataclass
        class Point:
            x: int
        def objective(trial):
            return pickle.loads(pickle.dumps(Point(3))).x
        """,
    )
    assert _call(ref) == 3
    assert pickle.loads(pickle.dumps(load_objective(ref))) is load_objective(ref)


def test_an_objective_may_use_joblib_with_functions_of_its_own_file(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(
        "from joblib import Parallel, delayed\n"
        "def square(x): return x * x\n"
        "def objective(trial):\n"
        "    return sum(Parallel(n_jobs=2)(delayed(square)(i) for i in range(4)))\n"
    )
    code = "from hptui.registry.loading.load import *; from hptui.domain.objective import *\n"
    code += f"print(load_objective(ObjectiveRef('file', {str(path)!r}, 'objective', ''))(0))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "14", done.stderr


def test_callable_objects_and_classes_are_objectives(tmp_path: Path) -> None:
    source = """
        class Tuned:
            made = 0
            def __init__(self, rows=3):
                type(self).made += 1
                self.rows = rows
            def __call__(self, trial): return self.rows, Tuned.made
            def method(self, trial): return "method"
        wide = Tuned(100)
        """
    path = tmp_path / "train.py"
    by_class = _ref(path, source, "Tuned")
    assert _call(by_class) == (3, 2)
    assert _call(by_class) == (3, 2)
    assert _call(ObjectiveRef("file", str(path), "wide", "x")) == (100, 2)
    assert _call(ObjectiveRef("file", str(path), "wide.method", "x")) == "method"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("x = 1\ny = 1 / 0\n", "line 2: ZeroDivisionError: division by zero"),
        ("x = 1\nimport no_such_thing\n", "line 2: ModuleNotFoundError: No module"),
        ("x = 1\n\ndef (:\n", "line 3: SyntaxError"),
        ("import sys\nsys.exit(3)\n", "line 2: SystemExit: 3"),
        ("raise SystemExit\n", "line 1: SystemExit"),
        ("raise GeneratorExit\n", "line 1: GeneratorExit"),
        ("import argparse\np = argparse.ArgumentParser()\np.add_argument('x')\np.parse_args()\n",
         "line 4: SystemExit: 2"),
        ("class Odd(Exception):\n    def __str__(self): 1 / 0\nraise Odd\n", "line 3: Odd"),
        ("raise ValueError('a\\x1b[2J\\nb')\n", r"ValueError: a\x1b[2J"),
        ("raise ValueError('x' * 10_000_000)\n", "ValueError: xxx"),
        ("def f(): f()\nf()\n", "line 1: RecursionError"),
    ],
)  # fmt: skip
def test_what_goes_wrong_on_import_is_told_with_file_and_line(
    tmp_path: Path, source: str, sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path_before = list(sys.path)
    ref = _ref(tmp_path / "train.py", source)
    error = _refused(ref)
    assert str(tmp_path / "train.py") in error.message
    assert sentence in error.message
    assert error.hint
    assert len(error.message) < 1000
    assert 0 < len(error.detail) <= DETAIL_CHARS
    assert sys.path == path_before
    assert "train" not in sys.modules


def test_the_traceback_begins_in_the_persons_own_file(tmp_path: Path) -> None:
    error = _refused(_ref(tmp_path / "train.py", "def f(): raise KeyError('k')\nf()\n"))
    assert "importlib" not in error.detail
    assert error.detail.splitlines()[-1] == "KeyError: 'k'"


def test_an_interrupt_during_an_import_is_not_swallowed(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        load_objective(_ref(tmp_path / "train.py", "raise KeyboardInterrupt\n"))


@pytest.mark.parametrize(
    ("source", "attribute", "sentence"),
    [
        ("objective = 3\n", "objective", "is a int"),
        ("def objectiv(trial): return 1\n", "objective", "has no 'objective'"),
        ("class A: pass\n", "A", "cannot be called"),
        ("class A:\n    def __init__(self, n): pass\n    def __call__(self, t): pass\n", "A",
         "needs n"),
        ("class A:\n    def __init__(self): 1 / 0\n    def __call__(self, t): pass\n", "A",
         "A() fails: ZeroDivisionError"),
        ("class A:\n    x = 1\n", "A.y", "has no 'A.y'"),
    ],
)  # fmt: skip
def test_what_cannot_be_called_gets_a_sentence(
    tmp_path: Path, source: str, attribute: str, sentence: str
) -> None:
    assert sentence in _refused(_ref(tmp_path / "train.py", source, attribute)).message


def test_a_close_attribute_is_offered(tmp_path: Path) -> None:
    error = _refused(_ref(tmp_path / "train.py", "def objectiv(trial): return 1\n"))
    assert "objectiv?" in error.hint


def test_a_file_that_is_gone_gets_a_sentence(tmp_path: Path) -> None:
    from hptui.errors import ObjectiveError

    with pytest.raises(ObjectiveError, match="No such file"):
        load_objective(ObjectiveRef("file", str(tmp_path / "gone.py"), "objective", "x"))


def test_a_module_in_the_current_folder_comes_before_an_installed_one(tmp_path: Path) -> None:
    (tmp_path / "load_local_pack").mkdir()
    (tmp_path / "load_local_pack/__init__.py").touch()
    (tmp_path / "load_local_pack/train.py").write_text(
        "import load_local_helper\ndef objective(trial): return load_local_helper.ROWS\n"
    )
    (tmp_path / "load_local_helper.py").write_text("ROWS = 5\n")
    ref = resolve("load_local_pack.train:objective", tmp_path).ref
    assert _call(ref) == 5
    assert sys.path[0] == str(tmp_path)


def test_an_installed_objective_is_not_replaced_by_files_of_the_current_folder(
    tmp_path: Path,
) -> None:
    marker = tmp_path / "ran"
    (tmp_path / "hptui_objectives").mkdir()
    for name in ("hptui_objectives/__init__.py", "hptui_objectives/hartmann6.py", "math.py"):
        (tmp_path / name).write_text(f"open({str(marker)!r}, 'w')\n")
    ref = resolve("hartmann6", tmp_path).ref
    function = load_objective(ref)
    assert not marker.exists()
    assert loaded_info(function, ref).name == "hartmann6"


def test_a_missing_module_gets_a_sentence() -> None:
    error = _refused(ObjectiveRef("module", "no_such_pack.train", "objective", "x"))
    assert "No module named 'no_such_pack'" in error.message
    assert "no_such_pack" in error.hint


def test_metadata_comes_from_the_decorator_then_from_the_source(tmp_path: Path) -> None:
    ref = _ref(
        tmp_path / "train.py",
        """
        import hptui
        TAGS = ["made", "here"]
        @hptui.objective(name="nice", direction="maximize", tags=TAGS)
        def decorated(trial): return 1
        def objective(trial):
            '''A plain one.'''
            return 1
        """,
        "decorated",
    )
    info = loaded_info(load_objective(ref), ref)
    assert (info.name, info.directions, info.tags) == ("tested", ("maximize",), ("made", "here"))
    plain = ObjectiveRef("file", ref.target, "objective", "sub/train.py")
    info = loaded_info(load_objective(plain), plain)
    assert (info.name, info.summary) == ("train", "A plain one.")


PACKAGES: dict[str, tuple[list[str], str, str, str]] = {
    "a package": (["lab_a/__init__.py"], "lab_a/train.py", "from . import data", "lab_a.train"),
    "a package in one": (
        ["lab_b/__init__.py", "lab_b/sub/__init__.py"],
        "lab_b/sub/train.py",
        "from . import data",
        "lab_b.sub.train",
    ),
    "no package": ([], "lab_c/train.py", "from .data import ROWS", "lab_c.train"),
    "two levels": ([], "lab_d/sub/train.py", "from ..data import ROWS", "lab_d.sub.train"),
    "a package without one": (
        ["lab_e/sub/__init__.py"],
        "lab_e/sub/train.py",
        "from ..data import ROWS",
        "lab_e.sub.train",
    ),
    "imported by its package": (
        ["lab_f/__init__.py", "lab_f/__init__.py:from .train import objective"],
        "lab_f/train.py",
        "from . import data",
        "lab_f.train",
    ),
    "late": ([], "lab_g/train.py", "def later():\n    from . import data", "lab_g.train"),
    "guarded": (
        [],
        "lab_i/train_i.py",
        "try: from .data import ROWS\nexcept ImportError: from data_h import ROWS\n"
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING: from .types import Row",
        "train_i",
    ),
    "not relative": (["lab_h/__init__.py"], "lab_h/train_h.py", "import data_h", "train_h"),
}


@pytest.mark.parametrize("case", PACKAGES)
def test_a_file_with_relative_imports_is_a_module_of_its_package(tmp_path: Path, case: str) -> None:
    made, path, imported, name = PACKAGES[case]
    ref = _ref(tmp_path / path, f"{imported}\nclass Model: ...\ndef objective(t): return Model()\n")
    for each in made:
        file, _, source = each.partition(":")
        (tmp_path / file).write_text(source)
    for folder in (tmp_path / path).parents[:2]:
        (folder / "data.py").write_text("ROWS = 7\n")
        (folder / "data_h.py").write_text("ROWS = 7\n")
    sys.modules.pop("data_h", None)
    model = _call(ref)
    assert type(model).__module__ == name
    assert sys.modules[name].__file__ == ref.target
    assert type(pickle.loads(pickle.dumps(model))) is type(model)
    for each in [each for each in sys.modules if each.startswith("lab_")]:
        del sys.modules[each]


def test_another_package_of_the_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "lab_own").mkdir()
    source = "from lab_own.data import ROWS\ndef objective(t): return 1\n"
    error = _refused(_ref(tmp_path / "lab_own/sub/train.py", source))
    assert error.hint == f"Run it as a module in {tmp_path}: hptui run lab_own.sub.train."
    ref = _ref(tmp_path / "json/train.py", "from . import data\ndef objective(t): return 1\n")
    assert "another one of this name is imported" in _refused(ref).message
    ref = _ref(tmp_path / "my-lab/train.py", "from . import data\ndef objective(t): return 1\n")
    assert "no known parent package" in _refused(ref).message


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("one\ntwo", "ValueError: one"),
        ("", "ValueError"),
        # As Optuna's, where a package is missing.
        ("\nNo package a.\n  Please run pip.\n", "ValueError: No package a. Please run pip."),
    ],
)
def test_an_error_is_described_in_one_line(message: str, shown: str) -> None:
    assert describe_error(ValueError(message))[0] == shown

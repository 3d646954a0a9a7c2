"""Studies that a script makes, changes and optimises at its top level, while hptui imports it."""

from __future__ import annotations

import sys
from textwrap import dedent
from typing import TYPE_CHECKING, Any, cast

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.study import Study
from tests.storage.comparison import everything

from hptui.domain.objective import ObjectiveRef
from hptui.registry.loading.load import LoadError, load_objective, loaded_info

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _restored_interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def write(path: Path, source: str) -> ObjectiveRef:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("import optuna\n" + dedent(source))
    return ObjectiveRef("file", str(path), "objective", "tested")


def trials_in(path: Path, name: str) -> int:
    return len(optuna.load_study(study_name=name, storage=f"sqlite:///{path}").trials)


OBJECTIVE = """
def objective(trial):
    return trial.suggest_float("x", -1, 1) ** 2
"""


def test_a_script_that_optimises_at_its_top_level_is_loaded_without_doing_so(
    tmp_path: Path,
) -> None:
    original = cast("object", Study.optimize)
    ref = write(
        tmp_path / "train.py",
        f"""
        {OBJECTIVE.strip().replace(chr(10), chr(10) + " " * 8)}
        study = optuna.create_study(direction="maximize")
        study.optimize(objective, n_trials=10**9)
        print(study.best_params)
        def later(trial): return 1
        """,
    )
    function = load_objective(ref)
    assert cast("Any", function)(optuna.trial.FixedTrial({"x": 0.5})) == 0.25
    assert loaded_info(function, ref).directions == ("maximize",)
    assert Study.optimize is original
    with pytest.raises(LoadError, match=r"before line 6, where study\.optimize"):
        load_objective(ObjectiveRef("file", ref.target, "later", "x"))


@pytest.mark.parametrize(
    "makes",
    [
        "optuna.create_study(study_name='own', storage='sqlite:///own.db')",
        "optuna.create_study(study_name='own', storage='sqlite:///own.db', load_if_exists=True)",
        "optuna.create_study(study_name='own', storage=optuna.storages.RDBStorage('sqlite:///own.db'))",
        "optuna.study.create_study(study_name='own', storage='sqlite:///own.db')",
    ],
)
def test_a_study_that_is_made_at_the_top_level_is_made_in_memory(
    tmp_path: Path, makes: str
) -> None:
    ref = write(
        tmp_path / "train.py",
        f"""
        study = {makes}
        study.set_user_attr("data", "toy")
        study.enqueue_trial({{"x": 0.5}})
        SEEN = study.study_name, len(study.trials), study.user_attrs
        def objective(trial):
            return SEEN
        study.optimize(objective, n_trials=4)
        """,
    )
    assert cast("Any", load_objective(ref))(None) == ("own", 1, {"data": "toy"})
    assert set(everything(tmp_path)) == {"train.py"}


def test_a_study_of_an_earlier_run_is_seen_as_it_is_and_not_changed(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'own.db'}"
    earlier = optuna.create_study(study_name="own", storage=storage, direction="maximize")
    earlier.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    before = (tmp_path / "own.db").read_bytes()
    ref = write(
        tmp_path / "train.py",
        """
        first = optuna.load_study(study_name="own", storage="sqlite:///own.db")
        BEST = first.best_value
        again = optuna.create_study(study_name="own", storage="sqlite:///own.db")
        again.enqueue_trial({"x": 0.5})
        again.add_trial(optuna.trial.create_trial(value=7.0))
        names = optuna.get_all_study_names("sqlite:///own.db")
        optuna.copy_study(from_study_name="own", from_storage="sqlite:///own.db",
                          to_storage="sqlite:///other.db")
        optuna.delete_study(study_name="own", storage="sqlite:///own.db")
        def objective(trial):
            return BEST, names
        """,
    )
    assert cast("Any", load_objective(ref))(None) == (earlier.best_value, ["own"])
    assert (tmp_path / "own.db").read_bytes() == before
    assert set(everything(tmp_path)) == {"train.py", "own.db"}


def test_a_loop_that_asks_and_tells_is_not_run(tmp_path: Path) -> None:
    ref = write(
        tmp_path / "train.py",
        """
        def objective(trial):
            return 1
        study = optuna.create_study()
        for _ in range(10**9):
            trial = study.ask()
            study.tell(trial, objective(trial))
        def later(trial): return 1
        """,
    )
    assert cast("Any", load_objective(ref))(None) == 1
    with pytest.raises(LoadError, match=r"before line 7, where study\.ask ends its import"):
        load_objective(ObjectiveRef("file", ref.target, "later", "x"))


def test_a_helper_that_optimises_ends_its_own_import_only(tmp_path: Path) -> None:
    (tmp_path / "guard_helper.py").write_text(
        "import optuna\nROWS = 7\n"
        "study = optuna.create_study(study_name='h', storage='sqlite:///helper.db')\n"
        "study.optimize(lambda trial: 0.0, n_trials=3)\n"
        "BEST = study.best_value\n"
    )
    ref = write(
        tmp_path / "train.py",
        """
        import guard_helper
        def objective(trial):
            return guard_helper.ROWS, hasattr(guard_helper, "BEST")
        """,
    )
    assert cast("Any", load_objective(ref))(None) == (7, False)
    assert "helper.db" not in everything(tmp_path)


def test_a_module_by_its_dotted_name_is_left_alone_like_a_file(tmp_path: Path) -> None:
    write(
        tmp_path / "guard_pack/train.py",
        f"""
        {OBJECTIVE.strip().replace(chr(10), chr(10) + " " * 8)}
        study = optuna.create_study(study_name="pk", storage="sqlite:///pkg.db")
        study.optimize(objective, n_trials=4)
        """,
    )
    (tmp_path / "guard_pack/__init__.py").touch()
    ref = ObjectiveRef("module", "guard_pack.train", "objective", "tested")
    assert callable(load_objective(ref))
    assert "pkg.db" not in everything(tmp_path)


def test_a_storage_made_at_the_top_level_is_the_real_one_in_a_trial(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'own.db'}"
    optuna.create_study(study_name="own", storage=storage).optimize(lambda _: 3.0, n_trials=2)
    ref = write(
        tmp_path / "train.py",
        """
        storage = optuna.storages.RDBStorage("sqlite:///own.db")
        def objective(trial):
            study = optuna.load_study(study_name="own", storage=storage)
            study.optimize(lambda inner: 1.0, n_trials=1)
            storage.engine.dispose()
            return study.best_value
        """,
    )
    objective = cast("Any", load_objective(ref))
    assert trials_in(tmp_path / "own.db", "own") == 2
    assert objective(None) == 1.0
    assert trials_in(tmp_path / "own.db", "own") == 3


@pytest.mark.parametrize(
    "optimises",
    [
        """
        try:
            study.optimize(objective, n_trials=3)
        finally:
            print(study.best_trial.value)
        """,
        """
        import threading
        thread = threading.Thread(target=study.optimize, args=(objective, 3))
        thread.start()
        thread.join()
        print(study.best_trial.value)
        """,
        """
        from joblib import Parallel, delayed
        Parallel(n_jobs=2)(delayed(study.optimize)(objective, 3) for _ in range(2))
        print(study.best_trial.value)
        """,
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_import_ends_where_it_misses_an_optimisation_that_was_left_out(
    tmp_path: Path, optimises: str
) -> None:
    source = "def objective(trial): return 1.0\nstudy = optuna.create_study()\n"
    ref = write(tmp_path / "train.py", source + dedent(optimises))
    assert cast("Any", load_objective(ref))(None) == 1.0
    with pytest.raises(LoadError, match=r"train.py has no 'later' before line \d+, where it fails"):
        load_objective(ObjectiveRef("file", ref.target, "later", "x"))


def test_a_database_without_tables_holds_no_study(tmp_path: Path) -> None:
    (tmp_path / "own.db").touch()
    ref = write(
        tmp_path / "train.py",
        """
        study = optuna.create_study(study_name="own", storage="sqlite:///own.db")
        def objective(trial): return len(optuna.get_all_study_names("sqlite:///own.db"))
        """,
    )
    load_objective(ref)
    assert (tmp_path / "own.db").read_bytes() == b""


def test_a_trial_is_warned_that_the_study_of_its_file_is_a_copy(tmp_path: Path) -> None:
    ref = write(
        tmp_path / "train.py",
        """
        study = optuna.create_study()
        def objective(trial): return len(study.trials)
        """,
    )
    objective = cast("Any", load_objective(ref))
    with pytest.warns(UserWarning, match="Use trial.study"):
        assert objective(None) == 0


def test_nothing_stays_replaced_after_an_import_that_fails(tmp_path: Path) -> None:
    before = (Study.optimize, optuna.storages.get_storage, RDBStorage.__init__)
    with pytest.raises(LoadError):
        load_objective(write(tmp_path / "train.py", "1 / 0\n"))
    assert (Study.optimize, optuna.storages.get_storage, RDBStorage.__init__) == before

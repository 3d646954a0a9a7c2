"""Files that are imported a second time, as they were or grown since."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.test_forking import load
from tests.engine.test_importing import write
from tests.storage.study_file import FLOAT, StudyFile

from hptui.domain.study_ref import StudyRef
from hptui.engine.studies.forking import fork_study
from hptui.engine.studies.importing import import_into, import_into_new, preview_import
from hptui.errors import UsageError
from hptui.storage.transfer.export import export_study
from hptui.storage.transfer.fork_plan import ForkRequest
from hptui.storage.transfer.import_request import ImportRequest

if TYPE_CHECKING:
    from pathlib import Path

ROWS: tuple[dict[str, Any], ...] = (
    {"params_x": 0.5, "params_k": "a", "value": 1.25},
    {"params_x": 0.5, "params_k": "a", "value": 1.25},
    {"params_x": 1.0, "params_k": "b", "value": 2.0, "user_attrs_note": "first"},
    {"params_x": 0.25, "params_k": "b"},
)
MORE: tuple[dict[str, Any], ...] = (
    {"params_x": 0.5, "params_k": "a", "value": 1.25},
    {"params_x": 0.75, "params_k": "b", "value": 3.0},
)


def spelled(path: Path, rows: tuple[dict[str, Any], ...]) -> Path:
    """Write rows in the form that the path's ending says."""
    if path.suffix == ".json":
        return write(path, json.dumps(rows))
    if path.suffix == ".jsonl":
        return write(path, "".join(f"{json.dumps(row)}\n" for row in rows))
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [columns, *([str(row.get(column, "")) for column in columns] for row in rows)]
    return write(path, "".join(f"{','.join(line)}\n" for line in lines))


@pytest.mark.parametrize("as_waiting", [False, True])
@pytest.mark.parametrize("ending", ["csv", "json", "jsonl"])
def test_of_a_file_that_grew_only_what_is_new_is_taken(
    tmp_path: Path, ending: str, as_waiting: bool
) -> None:
    request = ImportRequest(as_waiting=as_waiting)
    file = spelled(tmp_path / f"f.{ending}", ROWS)
    made = import_into_new(file, request, "s", folder=tmp_path).path
    with pytest.raises(UsageError, match=rf"All 4 rows of f\.{ending} are in s already") as caught:
        import_into(file, request, made, "s")
    assert "--again" in caught.value.hint
    # Other forms of it are the same; a row that comes three times now is new once.
    for form in ("csv", "json", "jsonl"):
        with pytest.raises(UsageError, match="All 4 rows of"):
            import_into(spelled(tmp_path / f"other.{form}", ROWS), request, made, "s")
    grown = spelled(tmp_path / f"grown.{ending}", (MORE[0], *ROWS, MORE[1]))
    plan = import_into(grown, request, made, "s").plan
    assert plan.left_out == {"there already": 4}
    assert plan.remarks[0] == "2 new, 4 there already; --again imports them too"
    trials = load(made, "s").trials
    told = [trial.system_attrs["fixed_params"] if as_waiting else trial.params for trial in trials]
    assert told[4:] == [{"x": 0.5, "k": "a"}, {"x": 0.75, "k": "b"}]
    again = import_into(grown, ImportRequest(as_waiting=as_waiting, again=True), made, "s").plan
    assert (len(again.trials), again.left_out) == (6, {})


def test_rows_are_known_again_in_a_fork_and_after_they_were_tried(tmp_path: Path) -> None:
    file = spelled(tmp_path / "f.csv", ROWS)
    made = import_into_new(file, ImportRequest(), "s", folder=tmp_path).path
    fork = fork_study(made, "s", "fork", ForkRequest()).path
    with pytest.raises(UsageError, match="All 4 rows of f"):
        import_into(file, ImportRequest(), fork, "fork")
    waiting = ImportRequest(as_waiting=True)
    assert len(import_into(file, waiting, fork, "fork").plan.trials) == 4
    study = load(fork, "fork")
    for _ in range(4):
        trial = study.ask()
        study.tell(trial, trial.suggest_float("x", 0.25, 1.0))
    assert len(study.trials) == 8
    with pytest.raises(UsageError, match="All 4 rows of f"):
        import_into(file, waiting, fork, "fork")


def test_a_studys_own_trials_are_known_by_their_times(tmp_path: Path) -> None:
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s", ("MAXIMIZE", "MINIMIZE"))
        for i in range(6):
            state = ("COMPLETE", "PRUNED", "FAIL")[i % 3]
            values = (float(i), float("inf")) if state == "COMPLETE" else None
            built.add_trial(values, state=state, params={"x": (i / 8, FLOAT)})
        # Of the same moment, with another value: not the same trial.
        built.add_trial((9.0, 9.0), start="2026-03-01 12:00:00.000001", params={"x": (0.5, FLOAT)})
    export_study(tmp_path / "s.db", "s", tmp_path / "own.csv")
    export_study(tmp_path / "s.db", "s", tmp_path / "own.jsonl")
    for name in ("own.csv", "own.jsonl"):
        with pytest.raises(UsageError, match=f"All 7 rows of {name} are in s already"):
            import_into(tmp_path / name, ImportRequest(), tmp_path / "s.db", "s")
    text = (tmp_path / "own.csv").read_text().replace("9.0,9.0", "9.0,8.0")
    plan = preview_import(
        write(tmp_path / "changed.csv", text), ImportRequest(), StudyRef(tmp_path / "s.db", "s")
    )
    assert (len(plan.trials), plan.left_out) == (1, {"there already": 6})

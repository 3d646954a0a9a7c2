"""What a mirror holds beside what its source does, in forms that can be compared."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from tests.storage.comparison import content_of

from hptui.storage.mirror.address import parse_address
from hptui.storage.mirror.source import COLUMN_ORDER
from hptui.storage.read.study_reader import StudyReader

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.storages import BaseStorage

    from hptui.storage.mirror.address import SourceAddress
    from hptui.trials import Trials

_IN_STUDY = "FROM {} JOIN studies USING (study_id)"
_IN_TRIAL = "FROM {} JOIN trials USING (trial_id) JOIN studies USING (study_id)"


def journal(path: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(path)))


def address_of(text: object) -> SourceAddress:
    address = parse_address(str(text))
    assert address is not None, text
    return address


def studies_in(source: BaseStorage | Path) -> list[Any]:
    """All that a storage or a file tells of its studies, but the ids that it gave."""
    found: list[Any] = []
    for _, name, *rest, trials in content_of(source):
        plain = [{key: _plain(each[key]) for key in each if key != "_trial_id"} for each in trials]
        found.append((name, *rest, plain))
    return sorted(found, key=lambda each: str(each[0]))


def _plain(value: object) -> object:
    # SQLite has no negative zero.
    return re.sub(r"-0\.0\b(?!\d)", "0.0", value) if isinstance(value, str) else value


def copied(source: BaseStorage, names: list[str], target: Path) -> Path:
    """A study file that Optuna's own `copy_study` has made of a storage."""
    target.touch()
    to = optuna.storages.RDBStorage(f"sqlite:///{target}")
    for name in names:
        optuna.copy_study(from_study_name=name, from_storage=source, to_storage=to)
    to.remove_session()
    to.engine.dispose()
    return target


def tables_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of a study file by table, with names and numbers in the place of ids."""
    tables: dict[str, list[tuple[object, ...]]] = {}
    with closing(sqlite3.connect(path)) as connection:
        for table, columns in COLUMN_ORDER.items():
            kept = ", ".join(f'"{each}"' for each in columns if not each.endswith("_id"))
            if table == "studies":
                query = "SELECT study_name FROM studies"
            elif table.startswith("study_") or table == "trials":
                query = f"SELECT study_name, {kept} {_IN_STUDY.format(table)}"
            else:
                query = f"SELECT study_name, number, {kept} {_IN_TRIAL.format(table)}"
            tables[table] = sorted(connection.execute(query).fetchall(), key=repr)
    return tables


def arrays_of(path: Path, name: str) -> dict[str, Any]:
    """The arrays of a study as every screen and command gets them."""
    with StudyReader(path, name) as reader:
        reader.refresh()
        assert not reader.damaged
        return _arrays(reader.trials)


def _arrays(trials: Trials) -> dict[str, Any]:
    plain: dict[str, Any] = {
        name: value
        for name in type(trials).__dataclass_fields__
        if isinstance(value := getattr(trials, name), np.ndarray) and name != "trial_ids"
    }
    for name, param in trials.params.items():
        plain[f"{name}: values"] = param.values
        plain[f"{name}: spaces"] = np.array([repr(param.specs), *map(str, param.spec_indices)])
    return {**plain, "directions": np.array(trials.directions)}


def assert_same_arrays(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_equal(value, other[name], err_msg=name)

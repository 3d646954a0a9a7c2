"""What a study file holds, in a form that can be compared."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage, RDBStorage

from hptui.storage.files.upgrade import optuna_url


def plain_optuna(path: Path) -> RDBStorage:
    path.touch()
    return RDBStorage(optuna_url(path))


def content_of(source: BaseStorage | Path) -> list[Any]:
    """All that a storage tells of its studies; a path is read by plain Optuna.

    Representations are compared, because NaN does not equal itself and 1 equals 1.0 and True.
    """
    if isinstance(source, Path):
        storage = plain_optuna(source)
        try:
            return content_of(storage)
        finally:
            storage.remove_session()
            storage.engine.dispose()
    content: list[Any] = []
    for study in source.get_all_studies():
        trials = source.get_all_trials(study._study_id)
        content.append(
            (
                study._study_id,
                study.study_name,
                study.directions,
                _sorted(study.user_attrs),
                _sorted(study.system_attrs),
                [_trial(trial) for trial in trials],
            )
        )
    return content


def everything(folder: Path) -> dict[str, bytes]:
    """The files in a folder, but what SQLite and Python keep beside theirs."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix not in (".db-wal", ".db-shm")
        and "__pycache__" not in path.parts
    }


def _trial(trial: Any) -> dict[str, Any]:
    fields = dict(trial.__dict__)
    for name in ("_user_attrs", "_system_attrs", "intermediate_values"):
        fields[name] = _sorted(fields[name])
    for name in ("_params", "_distributions"):
        fields[name] = repr(list(fields[name].items()))
    fields["_values"] = repr(fields["_values"])
    return fields


def _sorted(mapping: dict[Any, Any]) -> str:
    return repr(sorted(mapping.items()))

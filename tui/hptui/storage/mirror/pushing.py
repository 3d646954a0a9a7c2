"""Copying a study from a file to a server or a journal, by Optuna itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.domain.text import safe_line
from hptui.errors import HptuiError, UsageError
from hptui.storage.files.upgrade import optuna_url
from hptui.storage.mirror.server import refusal_of, url_of

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.storages import BaseStorage

    from hptui.storage.mirror.address import SourceAddress


def push_study(path: Path, study_name: str, target: SourceAddress, new_name: str) -> int:
    """Copy a study with all its trials to another storage; tables that are missing are made there.

    Trials that run or wait are copied as what they are.

    Args:
        path: A study file.
        study_name: The study in it.
        target: Where it is copied to.
        new_name: What it is called there.

    Returns:
        How many trials it has there.

    Raises:
        UsageError: There is a study of this name already.
        SourceError: The server refuses; a PasswordError where it wants another password.
        MissingExtraError: The package that connects to it is not installed.
    """
    import optuna

    place = safe_line(target.shown)
    try:
        storage = _storage_of(target)
        names = {each.study_name for each in storage.get_all_studies()}
        if new_name in names:
            raise UsageError(
                f"{place} holds a study {safe_line(new_name, max_chars=60)!r} already.",
                hint="Choose another name: ADDRESS#NAME.",
            )
        optuna.copy_study(
            from_study_name=study_name,
            from_storage=optuna_url(path),
            to_storage=storage,
            to_study_name=new_name,
        )
        study = optuna.load_study(study_name=new_name, storage=storage)
        return len(study.get_trials(deepcopy=False))
    except HptuiError:
        raise
    except Exception as error:  # drivers raise what they like
        raise refusal_of(target, error, "written") from error


def _storage_of(target: SourceAddress) -> BaseStorage:
    """Return a storage of Optuna's for writing."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    if target.kind == "journal":
        return optuna.storages.JournalStorage(JournalFileBackend(target.url))
    if target.kind in ("postgresql", "mysql"):
        return optuna.storages.RDBStorage(url_of(target).render_as_string(hide_password=False))
    raise UsageError(
        f"Studies cannot be copied to {safe_line(target.shown)}.",
        hint="They can be to PostgreSQL, MySQL, MariaDB and journal files.",
    )

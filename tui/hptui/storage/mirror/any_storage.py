"""Studies in any storage that Optuna can open: slow, since it gives whole trials only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from optuna.distributions import distribution_to_json
from optuna.storages import BaseStorage, RDBStorage

from hptui.domain.texts.text import safe_line
from hptui.errors import MissingExtraError
from hptui.storage.mirror.source import (
    COLUMN_ORDER,
    MAX_NAME_CHARS,
    MAX_TEXT_CHARS,
    Checkpoint,
    RowBatch,
    SourceError,
    SourceInfo,
    StudiesGone,
    TrialsGone,
    left_out,
)
from hptui.storage.sqlite.numbers import stored_number
from hptui.storage.sqlite.schema import TABLES_OF_TRIAL
from hptui.storage.sqlite.timestamps import to_text
from hptui.storage.transfer.trial_origin import is_about_trials, with_new_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from optuna.study._frozen import FrozenStudy
    from optuna.trial import FrozenTrial

    from hptui.storage.mirror.address import SourceAddress, SourceKind
    from hptui.storage.mirror.source import Change, Mirrored

_TRIALS_A_BATCH: Final = 500
_GRPC_PORT: Final = 13_000
"""Optuna's own."""


def open_storage(address: SourceAddress) -> AnyStorage:
    """Return the source of an address that only Optuna knows how to read, not yet open."""

    def make() -> BaseStorage:
        if address.kind == "grpc":
            return _grpc(address)
        # Nothing is made there where there is nothing.
        return RDBStorage(address.url, skip_table_creation=True)

    return AnyStorage(make, address.kind, address.shown, address.only)


def _grpc(address: SourceAddress) -> BaseStorage:
    from importlib.util import find_spec

    if find_spec("grpc") is None:
        raise MissingExtraError(
            "Studies behind a gRPC proxy need the package grpcio.", hint="pip install grpcio"
        )
    from optuna.storages import GrpcStorageProxy

    parts = urlsplit(address.url)
    return GrpcStorageProxy(host=parts.hostname or "localhost", port=parts.port or _GRPC_PORT)


class AnyStorage:
    """A storage of Optuna's. Ids are one greater here, since some begin with 0.

    Args:
        make: Returns the storage.
        kind: What it is.
        shown: Its address without a password.
        only: The one study that is wanted; None for all.
    """

    def __init__(
        self,
        make: Callable[[], BaseStorage],
        kind: SourceKind,
        shown: str,
        only: str | None = None,
    ) -> None:
        self._make, self._shown, self._only = make, shown, only
        self._kind: SourceKind = kind
        self._storage: BaseStorage | None = None

    def open(self) -> SourceInfo:
        """Connect.

        Raises:
            SourceError: It cannot be reached.
            MissingExtraError: A package is not installed.
        """
        try:
            self._storage = self._make()
        except MissingExtraError:
            raise
        except Exception as error:
            raise self._unreachable(error) from error
        return SourceInfo(self._kind, type(self._storage).__name__)

    def changes(self, cursor: str | None, mirrored: Mirrored) -> Iterator[Change]:  # noqa: ARG002
        """Yield the studies, and the trials that have changed; see `Source.changes`.

        Raises:
            SourceError: It cannot be read now.
        """
        assert self._storage is not None, "opened before"
        try:
            studies = self._storage.get_all_studies()
        except Exception as error:
            raise self._unreachable(error) from error
        if self._only is not None:
            studies = [each for each in studies if each.study_name == self._only]
        yield from _studies(studies, mirrored)
        for study in studies:
            try:
                trials = self._storage.get_all_trials(study._study_id, deepcopy=False)  # pyright: ignore[reportPrivateUsage]
            except Exception as error:
                raise self._unreachable(error) from error
            yield from _trials(study._study_id + 1, trials, mirrored)  # pyright: ignore[reportPrivateUsage]
        yield Checkpoint("{}")

    def close(self) -> None:
        """Let go of it."""
        self._storage = None

    def _unreachable(self, error: Exception) -> SourceError:
        return SourceError(
            f"{safe_line(self._shown)} cannot be read: {type(error).__name__}: "
            f"{safe_line(error, max_chars=300)}"
        )


def _studies(studies: list[FrozenStudy], mirrored: Mirrored) -> Iterator[Change]:
    names = {each._study_id + 1: each.study_name[:MAX_NAME_CHARS] for each in studies}  # pyright: ignore[reportPrivateUsage]
    known = mirrored.studies()
    if gone := sorted(known.keys() - names.keys()):
        yield StudiesGone(gone)
    if any(known.get(each) != name for each, name in names.items()):
        yield RowBatch("studies", sorted(names.items()))
    tables: dict[str, list[list[object]]] = {
        name: [] for name in COLUMN_ORDER if name.startswith("study_")
    }
    for study in studies:
        study_id: int = study._study_id + 1  # pyright: ignore[reportPrivateUsage]
        directions = tables["study_directions"]
        for objective, direction in enumerate(study.directions):
            directions.append([len(directions) + 1, direction.name, study_id, objective])
        for kind, attrs in (("user", study.user_attrs), ("system", study.system_attrs)):
            rows = tables[f"study_{kind}_attributes"]
            for key, value in attrs.items():
                stored: tuple[str, object] | None = (key, _json(value))
                if kind == "system" and is_about_trials(key):
                    stored = with_new_ids(key, stored[1], lambda each: each + 1)
                if stored is not None:
                    rows.append([len(rows) + 1, study_id, stored[0][:MAX_NAME_CHARS], stored[1]])
    for name, rows in tables.items():
        yield RowBatch(name, rows, is_whole=True)


def _trials(study_id: int, trials: list[FrozenTrial], mirrored: Mirrored) -> Iterator[Change]:
    known_last, known_count = mirrored.trials().get(study_id, (0, 0))
    ids = [trial._trial_id + 1 for trial in trials]  # pyright: ignore[reportPrivateUsage]
    if sum(each <= known_last for each in ids) != known_count:
        yield TrialsGone(study_id)
        known_last = 0
    still_open = mirrored.open_trials()
    wanted = [
        (trial_id, trial)
        for trial_id, trial in zip(ids, trials, strict=True)
        if trial_id > known_last or trial_id in still_open
    ]
    for start in range(0, len(wanted), _TRIALS_A_BATCH):
        part = wanted[start : start + _TRIALS_A_BATCH]
        rows = [_trial_row(study_id, trial_id, trial) for trial_id, trial in part]
        changed = [row for row in rows if still_open.get(row[0]) != row]
        if changed:
            yield RowBatch("trials", changed)
        tables: dict[str, list[tuple[object, ...]]] = {name: [] for name in TABLES_OF_TRIAL}
        for trial_id, trial in part:
            _fill(tables, trial_id, trial)
        for name, of_trials in tables.items():
            if name != "trial_heartbeats":
                numbered = [(None, *row) for row in of_trials]
                yield RowBatch(name, numbered, of_trials=[trial_id for trial_id, _ in part])


def _trial_row(study_id: int, trial_id: int, trial: FrozenTrial) -> tuple[Any, ...]:
    times = _time(trial.datetime_start), _time(trial.datetime_complete)
    return (trial_id, trial.number, study_id, trial.state.name, *times)


def _fill(tables: dict[str, list[tuple[object, ...]]], trial_id: int, trial: FrozenTrial) -> None:
    for kind, attrs in (("user", trial.user_attrs), ("system", trial.system_attrs)):
        tables[f"trial_{kind}_attributes"] += [
            (trial_id, key[:MAX_NAME_CHARS], _json(value)) for key, value in attrs.items()
        ]
    for name, value in trial.params.items():
        space = trial.distributions[name]
        stored = space.to_internal_repr(value)
        row = (trial_id, name[:MAX_NAME_CHARS], float(stored), distribution_to_json(space))
        tables["trial_params"].append(row)
    for objective, value in enumerate(trial.values or ()):
        tables["trial_values"].append((trial_id, objective, *stored_number(value)))
    tables["trial_intermediate_values"] += [
        (trial_id, step, *stored_number(value)) for step, value in trial.intermediate_values.items()
    ]


def _time(local: datetime | None) -> str | None:
    return None if local is None else to_text(local)


def _json(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= MAX_TEXT_CHARS else left_out(len(text))

# pyright: reportPrivateUsage=false
"""What Optuna does while an objective's file is imported: nothing that lasts.

A script makes its study at its top level, often in a file, and optimises it there. Each worker and
each probe imports the script, and the trials are hptui's to run. So until the import has ended

- `Study.optimize`, and `Study.ask` of a loop of the script's own, end the import of the module that
  calls them at its top level;
- a study that is created or loaded is a copy in memory, with the trials that it has in its storage;
- a storage of Optuna's connects to its database when it is used first, not when it is made.
"""

from __future__ import annotations

import contextlib
import pickle
import traceback
import warnings
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from optuna import storages
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage, _CachedStorage
from optuna.study import Study

from hptui.domain.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Generator, Sequence
    from types import ModuleType

    from optuna.study import StudyDirection
    from optuna.trial import FrozenTrial, TrialState


class _ImportEnded(BaseException):
    """Ends the import of a module that starts an optimisation of its own."""


@contextlib.contextmanager
def studies_left_alone() -> Generator[dict[str, str]]:
    """Have Optuna create, change and optimise no study in the block.

    Yields:
        A module's name -> where its import was ended, like `line 6, where study.optimize`; filled
        while the block runs.
    """
    cut_at: dict[str, str] = {}
    left_out: list[str] = []
    copies = _Copies(storages.get_storage, left_out)
    with (
        contextlib.closing(copies),
        _replaced(Study, "optimize", _end_import("study.optimize", left_out)),
        _replaced(Study, "ask", _end_import("study.ask", left_out)),
        _replaced(storages, "get_storage", copies.of),
        _replaced(SourceFileLoader, "exec_module", _ending_early(cut_at, left_out)),
        _connecting_later(RDBStorage),
    ):
        yield cut_at


@contextlib.contextmanager
def _replaced(owner: Any, name: str, value: object) -> Generator[None]:  # noqa: ANN401
    own = name in vars(owner)
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if own:
            setattr(owner, name, original)
        else:
            delattr(owner, name)


def _end_import(call: str, left_out: list[str]) -> Callable[..., None]:
    def end_import(*_: object, **__: object) -> None:
        left_out.append(call)
        raise _ImportEnded(call)

    return end_import


def _ending_early(
    cut_at: dict[str, str], left_out: list[str]
) -> Callable[[SourceFileLoader, ModuleType], None]:
    """Return how a module is run: to its end, or to where it misses what was left out.

    The exception of a call that was left out may be caught, or raised in a thread, and the module
    goes on to ask for a best trial that there is not.
    """
    original = SourceFileLoader.exec_module

    def exec_module(self: SourceFileLoader, module: ModuleType) -> None:
        n_before = len(left_out)
        try:
            original(self, module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if len(left_out) == n_before:
                raise
            frames = traceback.extract_tb(error.__traceback__)
            lines = [frame.lineno for frame in frames if frame.filename == self.path]
            why = str(error) if isinstance(error, _ImportEnded) else _missed(error, left_out[-1])
            cut_at[module.__name__] = f"line {lines[0] if lines else '?'}, where {why}"

    return exec_module


def _missed(error: BaseException, call: str) -> str:
    text = safe_line(f"{type(error).__name__}: {error}", max_chars=200)
    return f"it fails without {call} ({text}), which"


@contextlib.contextmanager
def _connecting_later(kind: type[Any]) -> Generator[None]:
    """Have storages of `kind` keep their arguments; the first use, whenever it is, connects."""
    connect = kind.__init__

    def keep(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the class has it
        self.__dict__["_hptui_arguments"] = (args, kwargs)

    def connect_now(self: Any, name: str) -> Any:  # noqa: ANN401 - of any attribute
        if "_hptui_arguments" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        args, kwargs = self.__dict__.pop("_hptui_arguments")
        connect(self, *args, **kwargs)
        return getattr(self, name)

    with _replaced(kind, "__init__", keep):
        # It stays: the storages that were made may be used at any time.
        kind.__getattr__ = connect_now
        yield


class _Copies:
    """Gives a copy in memory for each storage that a script names."""

    def __init__(self, open_storage: Callable[[Any], BaseStorage], left_out: list[str]) -> None:
        self._open = open_storage
        self._left_out = left_out
        self._known: dict[str | int, _Copy] = {}
        self._kept: list[object] = []
        """Objects whose identity stands in `_known`."""

    def of(self, storage: str | BaseStorage | None) -> BaseStorage:
        """Return what Optuna's `get_storage` gives, as a copy where it would last."""
        if isinstance(storage, InMemoryStorage):
            return storage
        kept = InMemoryStorage() if storage is None else storage
        key = kept if isinstance(kept, str) else id(kept)
        if key not in self._known:
            self._kept.append(kept)
            self._known[key] = _Copy(lambda: self._open(_reading(kept)), self._left_out)
        return self._known[key]

    def close(self) -> None:
        """Let go of all origins; the copies stay as they are."""
        for copy in self._known.values():
            copy.close()


class _Copy(InMemoryStorage):
    """A storage in memory that takes a study from its origin when it is asked for by name.

    A study that the origin has already is given also where it would be made, since the script made
    it in an earlier run. Once the import is over, using it is warned of: a trial's own study is
    another one.
    """

    def __init__(self, open_origin: Callable[[], BaseStorage], left_out: list[str]) -> None:
        super().__init__()
        self._open_origin = open_origin
        self._left_out = left_out
        self._origin: BaseStorage | None = None
        self._looked_for: set[str] = set()
        self._is_closed = False
        self._was_opened = False
        self._has_warned = False

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        """Create a study in memory, or return the one that the origin has under this name."""
        if study_name is not None:
            with contextlib.suppress(KeyError):
                return self.get_study_id_from_name(study_name)
        return super().create_new_study(directions, study_name)

    def get_study_id_from_name(self, study_name: str) -> int:
        """Return the id of a study, copied from the origin where it is there only."""
        if study_name not in self._looked_for:
            self._looked_for.add(study_name)
            self._copy(study_name)
        return super().get_study_id_from_name(study_name)

    def get_all_studies(self) -> list[Any]:
        """Return the studies of the origin and of this copy."""
        origin = self._read_origin()
        for study in origin.get_all_studies() if origin is not None else ():
            with contextlib.suppress(KeyError):
                self.get_study_id_from_name(study.study_name)
        return super().get_all_studies()

    def __getstate__(self) -> dict[str, Any]:
        if not self._is_closed:
            # Another process would optimise it: the call is `joblib.delayed(study.optimize)`.
            self._left_out.append("study.optimize")
            raise pickle.PicklingError("A study is not sent to processes while hptui imports it.")
        return {**super().__getstate__(), "_open_origin": None}

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the trials of the copy."""
        self._warn_when_late()
        return super().get_all_trials(study_id, deepcopy, states)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Create a trial in the copy."""
        self._warn_when_late()
        return super().create_new_trial(study_id, template_trial)

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        """Set an attribute of the copy."""
        self._warn_when_late()
        super().set_study_user_attr(study_id, key, value)

    def _warn_when_late(self) -> None:
        if self._is_closed and not self._has_warned:
            self._has_warned = True
            warnings.warn(
                "The study that this file makes is a copy from when hptui imported it: it gets no "
                "trials, and nothing of it is stored. Use trial.study.",
                stacklevel=4,
            )

    def close(self) -> None:
        """Let go of the origin: what is asked for from now on is looked for in memory only."""
        origin, self._origin = self._origin, None
        self._is_closed = True
        if isinstance(origin, _CachedStorage):
            origin.remove_session()
            origin._backend.engine.dispose()

    def _read_origin(self) -> BaseStorage | None:
        if not self._is_closed and not self._was_opened:
            self._was_opened = True
            # A database that is not there, is not reached or has no tables yet holds no study.
            with contextlib.suppress(Exception):
                origin = self._open_origin()
                origin.get_all_studies()
                self._origin = origin
        return self._origin

    def _copy(self, name: str) -> None:
        origin = self._read_origin()
        if origin is None:
            return
        try:
            there = origin.get_study_id_from_name(name)
        except KeyError:
            return
        here = super().create_new_study(origin.get_study_directions(there), name)
        for key, value in origin.get_study_user_attrs(there).items():
            self.set_study_user_attr(here, key, value)
        for key, value in origin.get_study_system_attrs(there).items():
            self.set_study_system_attr(here, key, value)
        for trial in origin.get_all_trials(there, deepcopy=False):
            self.create_new_trial(here, template_trial=trial)


def _reading(storage: str | BaseStorage) -> str | BaseStorage:
    """Return a storage that reads a database and makes no table or file.

    Raises:
        FileNotFoundError: There is no such file.
    """
    if isinstance(storage, str):
        made_with: dict[str, Any] = {"url": storage}
    elif "_hptui_arguments" in storage.__dict__:
        args, kwargs = storage.__dict__["_hptui_arguments"]
        made_with = {**dict(zip(("url", "engine_kwargs"), args, strict=False)), **kwargs}
    else:
        return storage
    return RDBStorage(
        _read_only(made_with["url"]),
        made_with.get("engine_kwargs"),
        skip_compatibility_check=True,
        skip_table_creation=True,
    )


def _read_only(address: str) -> str:
    # Most scripts name no database, and each worker imports this module.
    from sqlalchemy import make_url

    url = make_url(address)
    if url.get_backend_name() != "sqlite":
        return address
    path = Path(url.database or ":memory:")
    if not path.exists():
        raise FileNotFoundError(path)
    return f"sqlite:///file:{quote(str(path.absolute()))}?mode=ro&uri=true"

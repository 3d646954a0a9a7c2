# pyright: reportPrivateUsage=false
"""What Optuna does while an objective's file is imported, or a script run: nothing that lasts.

A script makes its study at its top level, often in a file, and optimises it there. Each worker and
each probe imports the script, and the trials are hptui's to run. So until the import has ended

- `Study.optimize`, and `Study.ask` of a loop of the script's own, end the import of the module that
  calls them at its top level;
- a study that is created or loaded is a copy in memory, with the trials that it has in its storage;
- a storage of Optuna's connects to its database when it is used first, not when it is made.

A script that is run as one (`script.py`) is left alone in the same way up to the call of
`Study.optimize`, and so are the processes that it has spawned by then.
"""

from __future__ import annotations

import contextlib
import multiprocessing.spawn
import pickle
import sys
import threading
import traceback
import warnings
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from optuna import storages
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage, _CachedStorage
from optuna.study import Study

from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Generator, Sequence
    from types import FrameType, ModuleType

    from optuna.study import StudyDirection
    from optuna.trial import FrozenTrial, TrialState


class _ImportEnded(BaseException):
    """Ends the import of a module that starts an optimisation of its own."""


_SENDERS = (
    *("concurrent.futures.process", "dask.", "distributed.", "joblib.externals", "joblib.parallel"),
    *("loky.", "multiprocess.", "multiprocessing.", "pathos.", "ray."),
)
"""Modules, by how their names begin, that pickle for other processes."""


@contextlib.contextmanager
def studies_left_alone() -> Generator[dict[str, str]]:
    """Have Optuna create, change and optimise no study in the block.

    Yields:
        A module's name -> where its import was ended, like `line 6, where study.optimize`; filled
        while the block runs.
    """
    cut_at: dict[str, str] = {}
    left_out: list[str] = []
    with (
        contextlib.closing(_Copies(storages.get_storage, left_out)) as copies,
        _in_memory(
            copies,
            _end_import("study.optimize", left_out),
            _end_import("study.ask", left_out),
        ),
        _replaced(SourceFileLoader, "exec_module", _ending_early(cut_at, left_out)),
    ):
        yield cut_at


@contextlib.contextmanager
def _in_memory(
    copies: _Copies, optimize: Callable[..., object], ask: Callable[..., object]
) -> Generator[None]:
    """Have Optuna open copies of storages, and call these instead of the study's methods."""
    with (
        _replaced(Study, "optimize", optimize),
        _replaced(Study, "ask", ask),
        _replaced(storages, "get_storage", copies.of),
        _connecting_later(RDBStorage),
    ):
        yield


@dataclass(slots=True, eq=False)
class ScriptGuard:
    """Leaves studies alone while a script runs, except where it is lifted.

    Args:
        optimize: Called instead of `Study.optimize`, in this process.
        ask: Called instead of `Study.ask`, in this process.
        constructors: Classes with the constructors that stand in for their own meanwhile.
    """

    optimize: Callable[..., object]
    ask: Callable[..., object]
    constructors: Sequence[tuple[type[Any], Callable[..., None]]] = ()
    left_out: list[str] = field(default_factory=list[str])
    """What the script wanted of its studies and did not get: each is a call."""
    has_spawned: bool = False
    """Whether the script has started processes that are not forks."""
    _copies: _Copies = field(init=False)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __post_init__(self) -> None:
        self._copies = _Copies(storages.get_storage, self.left_out)

    def __enter__(self) -> ScriptGuard:
        with contextlib.ExitStack() as stack:
            optimize, ask = map(_as_method, (self.optimize, self.ask))
            stack.enter_context(_in_memory(self._copies, optimize, ask))
            for kind, constructor in self.constructors:
                stack.enter_context(_replaced(kind, "__init__", constructor))
            for module in _spawning():
                prepare = self._guarding(module.get_preparation_data)
                stack.enter_context(_replaced(module, "get_preparation_data", prepare))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _guarding(self, original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        def prepare(*args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - as the module's
            self.has_spawned = True
            return {**original(*args, **kwargs), "hptui_guard": _GuardedChild()}

        return prepare

    @contextlib.contextmanager
    def lifted(self) -> Generator[None]:
        """Let Optuna work in the block; what the script has made before stays a copy."""
        self._copies.close()
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()

    def storage_of(self, study: Study) -> tuple[str, int]:
        """Return where the script keeps a study, and how many trials it has there."""
        return self._copies.origin_of(study)

    def is_of_this_thread(self, study: Study) -> bool:
        """Say whether the running thread has made a study."""
        return self._copies.is_of_this_thread(study)

    @property
    def missed(self) -> tuple[str, str] | None:
        """The study that was asked for last and is nowhere, with its storage; None if none was."""
        return self._copies.missed


def _spawning() -> list[Any]:
    """Return the modules that tell a spawned process what it needs; loky's where it is in use."""
    names = ("joblib.externals.loky.backend.spawn", "loky.backend.spawn")
    return [multiprocessing.spawn, *(sys.modules[name] for name in names if name in sys.modules)]


_in_force: list[ScriptGuard] = []
"""That of a child, which lasts as long as it."""


class _GuardedChild:
    """Leaves studies alone in whatever process unpickles it."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return leave_alone_in_child, ()


def leave_alone_in_child() -> None:
    """Let no study of this process last, and optimise none."""
    _in_force.append(ScriptGuard(_do_nothing, _do_nothing).__enter__())


def _as_method(call: Callable[..., object]) -> Callable[..., object]:
    """Return a function that a class binds to its instances, as it does no bound method."""

    def method(*args: object, **kwargs: object) -> object:
        return call(*args, **kwargs)

    return method


def _do_nothing(*_: object, **__: object) -> None:
    """Stand in for what a process that a script has started must leave to hptui."""


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
        self.missed: tuple[str, str] | None = None
        """The study that was asked for last and is nowhere, with its storage."""

    def of(self, storage: str | BaseStorage | None) -> BaseStorage:
        """Return what Optuna's `get_storage` gives, as a copy where it would last."""
        if isinstance(storage, InMemoryStorage):
            return storage
        kept = InMemoryStorage() if storage is None else storage
        key = kept if isinstance(kept, str) else id(kept)
        if key not in self._known:
            self._kept.append(kept)
            address = "" if storage is None else _address_of(storage)
            self._known[key] = _Copy(
                lambda: self._open(_reading(kept)), self._left_out, address, self._miss
            )
        return self._known[key]

    def _miss(self, study_name: str, address: str) -> None:
        self.missed = study_name, address

    def origin_of(self, study: Study) -> tuple[str, int]:
        """Return the address of a study's storage, empty for none, and how many trials it has."""
        storage = study._storage
        if not isinstance(storage, _Copy):
            return "", 0
        return storage.address, storage.n_copied.get(study._study_id, 0)

    def is_of_this_thread(self, study: Study) -> bool:
        """Say whether the running thread has made a study."""
        storage = study._storage
        made_in = storage.made_in if isinstance(storage, _Copy) else {}
        return made_in.get(study._study_id) == threading.get_ident()

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

    def __init__(
        self,
        open_origin: Callable[[], BaseStorage],
        left_out: list[str],
        address: str,
        miss: Callable[[str, str], None],
    ) -> None:
        super().__init__()
        self.address = address
        self.n_copied: dict[int, int] = {}
        """By a study's id, how many trials it has in the origin."""
        self.made_in: dict[int, int] = {}
        """By a study's id, in which thread it was made."""
        self._miss: Callable[[str, str], None] | None = miss
        """Told of a study that is nowhere; None in a copy that was pickled."""
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
                return self._find(study_name)
        study_id = super().create_new_study(directions, study_name)
        self.made_in[study_id] = threading.get_ident()
        return study_id

    def get_study_id_from_name(self, study_name: str) -> int:
        """Return the id of a study, copied from the origin where it is there only."""
        try:
            return self._find(study_name)
        except KeyError:
            if self._miss is not None:
                self._miss(study_name, self.address)
            raise

    def _find(self, study_name: str) -> int:
        if study_name not in self._looked_for:
            self._looked_for.add(study_name)
            self._copy(study_name)
        return super().get_study_id_from_name(study_name)

    def get_all_studies(self) -> list[Any]:
        """Return the studies of the origin and of this copy."""
        origin = self._read_origin()
        for study in origin.get_all_studies() if origin is not None else ():
            with contextlib.suppress(KeyError):
                self._find(study.study_name)
        return super().get_all_studies()

    def __getstate__(self) -> dict[str, Any]:
        if not self._is_closed and _is_sending(sys._getframe(1)):
            # Another process would optimise it: the call is `joblib.delayed(study.optimize)`.
            self._left_out.append("study.optimize")
            raise pickle.PicklingError("A study is not sent to processes while hptui imports it.")
        left = {"_open_origin": None, "_origin": None, "_miss": None, "_was_opened": True}
        return {**super().__getstate__(), **left}

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        self._warn_when_late()
        return super().get_all_trials(study_id, deepcopy, states)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
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
                "The study that this file creates is a copy that hptui made on import: it gets "
                "no trials, and nothing in it is stored. Use trial.study.",
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
        trials = origin.get_all_trials(there, deepcopy=False)
        for trial in trials:
            self.create_new_trial(here, template_trial=trial)
        self.n_copied[here] = len(trials)


def _is_sending(frame: FrameType | None) -> bool:
    """Say whether what is pickled goes to another process, and to no file."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name.startswith(_SENDERS):
            return True
        # Below the script are a worker's own frames, which are of loky's.
        if name.startswith("hptui."):
            return False
        frame = frame.f_back
    return False


def _address_of(storage: str | BaseStorage) -> str:
    """Return what tells a person which storage it is: its address, else its class."""
    if isinstance(storage, str):
        return storage
    made_with = storage.__dict__.get("_hptui_arguments")
    if made_with is not None:
        args, kwargs = made_with
        return str(args[0] if args else kwargs.get("url", ""))
    return type(storage).__name__


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

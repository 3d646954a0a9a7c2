"""Loading an objective: the one place where its code is imported."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import sys
import threading
import traceback
from collections.abc import Callable, Generator
from dataclasses import replace
from difflib import get_close_matches
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hptui.domain.objective import ATTRIBUTE, ObjectiveInfo, ObjectiveRef
from hptui.domain.texts.text import safe_line
from hptui.errors import ObjectiveError
from hptui.registry.catalogue import candidate_of, is_registered, source_file
from hptui.registry.loading.arguments import parameters_of, values_for, with_values
from hptui.registry.loading.package_files import PackageFile, package_file
from hptui.registry.scripts.script_process import module_name
from hptui.registry.source.modules import find_in_folder
from hptui.registry.source.objective_source import plain_name, read_source

if TYPE_CHECKING:
    from types import CodeType, ModuleType, TracebackType

DETAIL_CHARS = 8_000

Objective = Callable[[Any], object]

_lock = threading.RLock()
_loaded: dict[tuple[object, ...], Objective] = {}
_modules: dict[str, ModuleType] = {}
"""A file's path -> the module that it is loaded as."""
_cut_at: dict[str, str] = {}
"""A module's name -> where its import was ended, see `import_guard`."""


class LoadError(ObjectiveError):
    """An objective whose code cannot be imported, or is not callable.

    `detail` has at most `DETAIL_CHARS`; it is empty when there is no traceback.
    """


def load_objective(ref: ObjectiveRef) -> Objective:
    """Import an objective and return it: a function, or an object that can be called.

    A file is imported as `import train` beside it would: its folder comes first on the path, and
    its `__name__` is `train`. One with relative imports is imported as a module of its package,
    whose folder comes first on the path. A module is imported as `python -m` would, with the
    current folder first on the path where the module stands there. In all that is imported so,
    studies are left alone (`import_guard`). The reference's arguments go into the function, or the
    class that an instance is made of. Each is loaded once in a process; later edits of the file do
    not reach it.

    Raises:
        LoadError: It cannot be imported or called; the message has the file and the line.
    """
    key = (ref.kind, ref.target, ref.attribute, ref.arguments)
    with _lock:
        if key not in _loaded:
            module = _import(ref)
            _loaded[key] = _callable_in(module, ref)
        return _loaded[key]


def load_attribute(ref: ObjectiveRef) -> object:
    """Import a file or a module as `load_objective` does, and return what the reference names.

    Raises:
        LoadError: It cannot be imported, or has no such attribute.
    """
    with _lock:
        module = _import(ref)
    value: object = module
    for part in ref.attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError as error:
            raise _no_attribute(module, ref) from error
    return value


def loaded_info(function: Objective, ref: ObjectiveRef) -> ObjectiveInfo:
    """Return what is known of a loaded objective: its decorator's word, else its source's."""
    info: ObjectiveInfo | None = getattr(function, ATTRIBUTE, None)
    if info is None:
        candidate = candidate_of(ref)
        info = candidate.info if candidate else ObjectiveInfo(plain_name(ref.attribute))
        if ref.kind == "file" and ref.attribute == "objective":
            info = replace(info, name=plain_name(Path(ref.target).stem))
    is_spelled = any(mark in ref.name for mark in "/:.")
    return info if is_spelled or not ref.name else replace(info, name=ref.name)


class _FreshLoader(SourceFileLoader):
    """Compiles the file as it is now, whatever bytecode stands beside it, and leaves none."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _import(ref: ObjectiveRef) -> ModuleType:
    from hptui.registry.scripts.import_guard import studies_left_alone

    with studies_left_alone() as cut_at:
        module = _import_file(ref) if ref.kind == "file" else _import_module(ref)
    _cut_at.update(cut_at)
    return module


def _import_file(ref: ObjectiveRef) -> ModuleType:
    path = Path(ref.target)
    if str(path) in _modules:
        return _modules[str(path)]
    read_source(path)
    picklers = _picklers()
    name = module_name(path)
    in_package = package_file(path)
    folder = path.resolve().parent if in_package is None else in_package.root
    with _first_on_path(folder), _as_main_program(path):
        parent = None if in_package is None else _import_package(in_package, path)
        module = sys.modules.get(name) if parent is not None else None
        if not _is_of(module, path):
            module = _run_file(path, name)
        if parent is not None:
            setattr(parent, name.rpartition(".")[2], module)
    assert module is not None, "it was run"
    _modules[str(path)] = module
    for pickler in picklers:
        with contextlib.suppress(AttributeError, ValueError):
            pickler.register_pickle_by_value(module)
    return module


def _import_package(place: PackageFile, path: Path) -> ModuleType:
    """Import the package that a file stands in, and the packages around it.

    Raises:
        LoadError: It fails, or another package of this name is in the way.
    """
    try:
        importlib.invalidate_caches()
        package = importlib.import_module(place.package)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _import_failed(error, path) from error
    inside = [str(Path(each).resolve()) for each in getattr(package, "__path__", ())]
    if str(path.resolve().parent) not in inside:
        where = safe_line(getattr(package, "__file__", None) or ", ".join(inside))
        raise LoadError(
            f"{safe_line(path)} belongs to the package {place.package}, but another one of this "
            f"name is imported: {where}.",
            hint="Rename the package, or its imports that begin with a dot.",
        )
    return package


def _is_of(module: ModuleType | None, path: Path) -> bool:
    """Say whether a module was made of a file, as its package may have done by an import."""
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve() == path.resolve()


def _run_file(path: Path, name: str) -> ModuleType:
    loader = _FreshLoader(name, str(path))
    spec = cast("ModuleSpec", importlib.util.spec_from_file_location(name, path, loader=loader))
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        _execute(loader, module)
    except BaseException:
        _restore(name, before)
        raise
    return module


def _restore(name: str, module: ModuleType | None) -> None:
    if module is None:
        sys.modules.pop(name, None)
    else:
        sys.modules[name] = module


def _execute(loader: _FreshLoader, module: ModuleType) -> None:
    try:
        loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _import_failed(error, Path(loader.path)) from error


def _import_module(ref: ObjectiveRef) -> ModuleType:
    path = source_file(ref)
    is_local = not is_registered(ref) and find_in_folder(ref.target, Path.cwd()) is not None
    with _first_on_path(Path.cwd()) if is_local else _last_on_path(Path.cwd()):
        try:
            importlib.invalidate_caches()
            return importlib.import_module(ref.target)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise _import_failed(error, path) from error


@contextlib.contextmanager
def _first_on_path(folder: Path) -> Generator[None]:
    """Put a folder first on `sys.path` for good, or not at all when the block fails."""
    before = list(sys.path)
    sys.path[:] = [str(folder), *(each for each in before if each != str(folder))]
    try:
        yield
    except BaseException:
        sys.path[:] = before
        raise


@contextlib.contextmanager
def _last_on_path(folder: Path) -> Generator[None]:
    """Put a folder last on `sys.path`, where nothing in it can stand for an installed module."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    yield


@contextlib.contextmanager
def _as_main_program(path: Path) -> Generator[None]:
    # A script that reads its arguments on import must not see hptui's.
    before = sys.argv
    sys.argv = [str(path)]
    try:
        yield
    finally:
        sys.argv = before


def _picklers() -> list[Any]:
    """Import what must send the functions of a file with their code, as those of `__main__`.

    Processes that the objective starts through joblib or dask must not run the file once more.
    """
    found: list[Any] = []
    # Before the file's folder comes first on the path: a `joblib.py` there is not meant.
    for name in ("cloudpickle", "joblib.externals.cloudpickle"):
        with contextlib.suppress(ImportError):
            found.append(importlib.import_module(name))
    return found


def _callable_in(module: ModuleType, ref: ObjectiveRef) -> Objective:
    given = dict(ref.arguments)
    value: Any = module
    for part in ref.attribute.split("."):
        if isinstance(value, type) and _needs_instance(inspect.getattr_static(value, part, None)):
            value, given = _instance_for_method(cast("type[Any]", value), part, given, ref)
        try:
            value = getattr(value, part)
        except AttributeError as error:
            raise _no_attribute(module, ref) from error
    if isinstance(value, type):
        value, given = _instance_of(cast("type[Any]", value), given, ref), {}
    if not callable(value):
        kind = type(value).__name__
        raise LoadError(
            f"{_spelled(ref)} is a {kind}, not a function that takes a trial.",
            hint="Name a function, or an object with __call__(self, trial).",
        )
    with _as_load_errors():
        return with_values(cast("Objective", value), given, ref.name)


@contextlib.contextmanager
def _as_load_errors() -> Generator[None]:
    try:
        yield
    except ObjectiveError as error:
        raise LoadError(error.message, hint=error.hint) from error


def _instance_of(kind: type[Any], given: dict[str, str], ref: ObjectiveRef) -> object:
    if not any("__call__" in vars(each) for each in kind.__mro__):
        raise LoadError(
            f"{_spelled(ref)} is a class whose instances cannot be called.",
            hint="Give it a method __call__(self, trial).",
        )
    return _made(kind, given, ref)


def _needs_instance(attribute: object) -> bool:
    """Say whether an attribute of a class is a method for its instances."""
    if not inspect.isfunction(attribute):
        return False
    # Some write functions into a class without @staticmethod.
    return next(iter(parameters_of(attribute) or ("self",)), "") != "trial"


def _instance_for_method(
    kind: type[Any], name: str, given: dict[str, str], ref: ObjectiveRef
) -> tuple[object, dict[str, str]]:
    """Return an instance, and the arguments that are left for its method."""
    of_method = parameters_of(getattr(kind, name), 2) or {}
    of_class = parameters_of(kind) or {}
    own = {each: text for each, text in given.items() if each in of_class or each not in of_method}
    left = {each: text for each, text in given.items() if each in of_method}
    return _made(kind, own, ref), left


def _made(kind: type[Any], given: dict[str, str], ref: ObjectiveRef) -> object:
    with _as_load_errors():
        values = values_for(kind, given, ref.name)
    try:
        return kind(**values)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise LoadError(
            f"{safe_line(ref.target)}: {safe_line(kind.__name__)}() fails: {_text_of(error)}",
            hint="Give its arguments with --arg, or name an instance that the file makes.",
            detail=_tail(error, source_file(ref)),
        ) from error


def _no_attribute(module: ModuleType, ref: ObjectiveRef) -> LoadError:
    cut = _cut_at.get(module.__name__)
    where = f" before {cut} ends its import" if cut else ""
    close = get_close_matches(ref.attribute, vars(module))
    return LoadError(
        f"{safe_line(ref.target)} has no {safe_line(ref.attribute)!r}{where}.",
        hint=f"Did you mean {' or '.join(map(safe_line, close))}?" if close else "",
    )


def _spelled(ref: ObjectiveRef) -> str:
    return safe_line(f"{ref.target}:{ref.attribute}")


def _import_failed(error: BaseException, path: Path | None) -> LoadError:
    where = _place_of(error, path)
    return LoadError(
        f"{where}: {_text_of(error)}", hint=_hint_for(error, path), detail=_tail(error, path)
    )


def _hint_for(error: BaseException, path: Path | None) -> str:
    if isinstance(error, SystemExit):
        return 'Put what runs the script under `if __name__ == "__main__":`.'
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        around = next((each for each in path.parents if each.name == top), None) if path else None
        if path is not None and around is not None:
            dotted = ".".join(path.relative_to(around.parent).with_suffix("").parts)
            where = safe_line(around.parent)
            return f"Run it as a module in {where}: hptui run {safe_line(dotted)}."
        return (
            f"Give workers a Python that has {safe_line(error.name)} (--python PATH), or "
            "install it here."
        )
    return "hptui imports the file to find the objective; nothing was run or stored."


def _place_of(error: BaseException, path: Path | None) -> str:
    """Return the file and the line that a person should look at."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{safe_line(error.filename)}, line {error.lineno or 1}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if path is not None and frame.filename == str(path)]
    if own:
        return f"{safe_line(own[-1].filename)}, line {own[-1].lineno}"
    return safe_line(path) if path is not None else "The import failed"


def describe_error(error: BaseException) -> tuple[str, str]:
    """Return an exception of the user's code as one line, and the end of its traceback."""
    return _text_of(error), _tail(error, None)


def _text_of(error: BaseException) -> str:
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        lines = [line.strip() for line in text.splitlines()]
        # What begins with an empty line is a paragraph, of which the first line alone says little.
        text = next(iter(lines), "") or " ".join(filter(None, lines))
    except Exception:  # noqa: BLE001 - an exception of the user's whose __str__ raises
        text = ""
    return safe_line(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def _tail(error: BaseException, path: Path | None) -> str:
    """Return the end of the traceback, from the objective's own file on."""
    start: TracebackType | None = error.__traceback__
    while start is not None and start.tb_frame.f_code.co_filename != str(path):
        start = start.tb_next
    lines = traceback.format_exception(type(error), error, start or error.__traceback__)
    return "".join(lines)[-DETAIL_CHARS:]

"""The process of an objective as its code sees it: that of `python file.py`.

A worker and a probe are programs of hptui, started by loky or with `-m`. What Python keeps of that
would reach the objective: loky's start method, another name of the process, and a main module that
child processes import again. Nothing but the standard library is imported here, since children
that an objective spawns import this module.
"""

from __future__ import annotations

import builtins
import multiprocessing
import multiprocessing.process
import multiprocessing.spawn
import os
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from hptui.domain.safe_path import forget_safe_path
from hptui.registry.loading.package_files import package_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

MAIN_IN_CHILDREN = "__mp_main__"
"""How Python calls the main module in processes that multiprocessing spawns."""
_HASH_SEED = "PYTHONHASHSEED"


def module_name(path: Path) -> str:
    """Return the name under which `path` is imported: that of `import train` beside it.

    What a trial pickles can then be loaded wherever the file can be imported. A file that cannot
    be imported by its name, like `my-train.py`, or one that is called like a module that is loaded
    already, has the name that its main module would have in a child process: an alias of
    `__main__`, so that `python my-train.py` loads its pickles. A file with relative imports has the
    dotted name that it has in its package.
    """
    in_package = package_file(path)
    if in_package is not None:
        return in_package.name
    stem = path.resolve().stem
    other = sys.modules.get(stem)
    is_taken = other is not None and getattr(other, "__file__", None) != str(path)
    is_plain = stem.isidentifier() and not stem.startswith("__")
    return stem if is_plain and not is_taken else MAIN_IN_CHILDREN


def hash_variables() -> dict[str, str]:
    """Return what has sets in the same order in all processes of a run, and in later runs.

    Choices that come from a set are then one list of choices.
    """
    return {} if _HASH_SEED in os.environ else {_HASH_SEED: "0"}


def act_as_program(path: Path | None) -> None:
    """Make this process look as if `python path` had started it; None for an imported module.

    The default start method is Python's own again. Processes that the objective spawns run the
    file as their main module, as they would in plain Python, under the name that it has here. A
    module of a package they import by its name.
    """
    _settle(ModuleType("__main__") if path is None else _MainModule(path))
    sys.argv = ["" if path is None else str(path)]
    if path is not None and package_file(path) is not None:
        _spare_children_the_main_module()
    elif path is not None:
        _tell_children(module_name(path))


def act_as_script(path: Path, argv: Sequence[str], package: str | None) -> ModuleType:
    """Make this process look as if `python path *argv` had started it, and return `__main__`.

    Args:
        path: The script.
        argv: What follows it.
        package: The package that it is a module of, as with `python -m`; None for none.
    """
    main = ModuleType("__main__")
    main.__file__ = str(path)
    main.__package__ = package
    folder = path.resolve().parent
    if package is None:
        # Children run the script by its path.
        main.__spec__ = None
    else:
        name = f"{package}.{path.stem}"
        main.__spec__ = ModuleSpec(name, None, origin=str(path))
        # What stands beside it is found, too, but in no place of an installed module.
        sys.path.append(str(folder))
        folder = folder.parents[package.count(".")]
    vars(main)["__builtins__"] = builtins
    _settle(main)
    sys.argv = [str(path), *argv]
    sys.path[:] = [str(folder), *(each for each in sys.path if each != str(folder))]
    return main


def _settle(main: ModuleType) -> None:
    forget_safe_path()
    multiprocessing.set_start_method(None, force=True)
    multiprocessing.current_process().name = "MainProcess"
    multiprocessing.process._parent_process = None  # pyright: ignore
    sys.modules["__main__"] = sys.modules[MAIN_IN_CHILDREN] = main


class _MainModule(ModuleType):
    """Stands for `__main__`, whose names are those of the objective's file once it is loaded."""

    def __init__(self, path: Path) -> None:
        super().__init__("__main__")
        self.__file__ = str(path)
        # Without a spec children run the file by its path.
        self.__spec__ = None
        self._hptui_name = module_name(path)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the file defines
        module = sys.modules.get(self._hptui_name)
        if module is None or module is self:
            raise AttributeError(f"module '__main__' has no attribute {name!r}")
        return getattr(module, name)


def _tell_children(name: str) -> None:
    """Have spawned processes find the objective's module in what they have run as main."""
    original: Callable[[str], dict[str, Any]] = multiprocessing.spawn.get_preparation_data

    def prepare(process_name: str) -> dict[str, Any]:
        return {**original(process_name), "hptui": _NamedMain(name)}

    multiprocessing.spawn.get_preparation_data = prepare


def _spare_children_the_main_module() -> None:
    """Have spawned processes run no main module: what they are sent names the module it is of."""
    original: Callable[[str], dict[str, Any]] = multiprocessing.spawn.get_preparation_data

    def prepare(process_name: str) -> dict[str, Any]:
        data = original(process_name)
        data.pop("init_main_from_path", None)
        data.pop("init_main_from_name", None)
        return data

    multiprocessing.spawn.get_preparation_data = prepare


class _NamedMain:
    """Names the main module in whatever process unpickles it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return name_main_module, (self._name,)


def name_main_module(name: str) -> None:
    """Let `import name` give the main module that multiprocessing has run in this child."""
    sys.meta_path.insert(0, _MainModuleFinder(name))


class _MainModuleFinder(MetaPathFinder, Loader):
    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        is_ready = fullname == self._name and MAIN_IN_CHILDREN in sys.modules
        return ModuleSpec(fullname, self) if is_ready else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:  # noqa: ARG002
        return sys.modules[MAIN_IN_CHILDREN]

    def exec_module(self, module: ModuleType) -> None:
        # It was run already. Children of this one run it by its path, too.
        module.__spec__ = None

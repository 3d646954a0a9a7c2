"""Where the source of an importable module stands, found without importing it."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

_FindSpec = Callable[[str, list[str] | None], ModuleSpec | None]


def find_module_file(dotted: str, folder: Path | None = None) -> Path | None:
    """Return the file that `import dotted` would run last, or None when there is none.

    No module is imported, no package either: the way goes from the top package's place on the
    path down to the module. With `folder`, modules that stand there win, as with `python -m`.
    """
    if not is_dotted_name(dotted):
        return None
    found = find_in_folder(dotted, folder) if folder is not None else None
    return found or _file_of(_walk(dotted, lambda name, _: importlib.util.find_spec(name), None))


def find_in_folder(dotted: str, folder: Path) -> Path | None:
    """Return the file of a module whose top package or module stands in `folder`, or None."""
    return _file_of(_walk(dotted, importlib.machinery.PathFinder.find_spec, [str(folder)]))


def missing_module(dotted: str, folder: Path) -> str | None:
    """Return the first of `a`, `a.b`, `a.b.c` that stands for no module; None where all do."""
    parts = dotted.split(".")
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        if _find(name, folder) is None:
            return name
    return None


def _find(dotted: str, folder: Path) -> ModuleSpec | None:
    here = _walk(dotted, importlib.machinery.PathFinder.find_spec, [str(folder)])
    return here or _walk(dotted, lambda name, _: importlib.util.find_spec(name), None)


def is_dotted_name(text: str) -> bool:
    """Say whether `text` could be the dotted name of a module or an attribute."""
    return bool(text) and all(part.isidentifier() for part in text.split("."))


def _walk(dotted: str, find_top: _FindSpec, path: list[str] | None) -> ModuleSpec | None:
    top, *rest = dotted.split(".")
    try:
        spec = find_top(top, path)
        name = top
        for part in rest:
            if spec is None or spec.submodule_search_locations is None:
                return None
            name = f"{name}.{part}"
            inside = list(spec.submodule_search_locations)
            spec = importlib.machinery.PathFinder.find_spec(name, inside)
    except (ImportError, ValueError, AttributeError, OSError):
        # A module that is loaded without a spec, or a finder that fails on this name.
        return None
    return spec


def _file_of(spec: ModuleSpec | None) -> Path | None:
    if spec is None or not spec.has_location or spec.origin is None:
        return None
    return Path(spec.origin)

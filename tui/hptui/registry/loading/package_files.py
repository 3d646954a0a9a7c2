"""Files that belong to a package: those with relative imports run under their dotted names.

Nothing but the standard library is imported here, since children that an objective spawns need it.
"""

from __future__ import annotations

import functools
import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator
    from pathlib import Path

_MAX_LEVELS = 64


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file as a module of its package."""

    root: Path
    """The folder that the package is imported from."""
    name: str
    """The module's dotted name."""

    @property
    def package(self) -> str:
        """The dotted name of the package that the module stands in."""
        return self.name.rpartition(".")[0]


def package_file(path: Path) -> PackageFile | None:
    """Return a file as a module of its package; None where it has no relative import.

    One that a script survives does not count: for type checkers only, or in a `try` with a handler.
    The package is the outermost folder of those above the file that have an `__init__.py`. Where an
    import reaches further, folders without one count, too, as they do for Python.
    """
    real = path.resolve()
    try:
        about = real.stat()
    except OSError:
        return None
    return _package_file(real, (about.st_ino, about.st_size, about.st_mtime_ns))


@functools.lru_cache(maxsize=256)
def _package_file(path: Path, _: object) -> PackageFile | None:
    level = _relative_level(path)
    if not level or not path.stem.isidentifier() or path.stem == "__init__":
        return None
    parts: list[str] = []
    root = path.parent
    while len(parts) < _MAX_LEVELS and root.name.isidentifier():
        is_package = os.path.isfile(root / "__init__.py")  # noqa: PTH113 - False for any error
        if not is_package and len(parts) >= level:
            break
        parts.insert(0, root.name)
        root = root.parent
    return PackageFile(root, ".".join([*parts, path.stem])) if len(parts) >= level else None


def _relative_level(path: Path) -> int:
    """Return how many packages above it the file's imports reach; 0 where none is relative."""
    import ast

    try:
        source = path.read_bytes()
        if b"from" not in source or not path.name.endswith(".py"):
            return 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return 0
    return max(map(_level, _needed(tree)), default=0)


def _level(node: ast.AST) -> int:
    import ast

    return node.level if isinstance(node, ast.ImportFrom) else 0


def _needed(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs, short of what may fail without harm."""
    import ast

    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, ast.Try) and node.handlers:
            todo += [*node.orelse, *node.finalbody]
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo += node.orelse
        else:
            todo += ast.iter_child_nodes(node)

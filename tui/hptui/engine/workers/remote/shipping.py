"""The code of an objective as one archive, for machines that do not have it."""

from __future__ import annotations

import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.domain.objective import ObjectiveRef

_PACKAGE: Final = Path(__file__).parents[3]
"""The folder of hptui's modules."""
_MAX_FILES: Final = 2_000
_MAX_BYTES: Final = 20 * 1024 * 1024
_PASSED_OVER: Final = ("__pycache__", "node_modules", "site-packages")


def pack_code(ref: ObjectiveRef) -> bytes:
    """Return hptui's modules (`lib`) and the Python files beside the objective (`code`), packed.

    Raises:
        UsageError: The objective is in no file of its own, or there is too much beside it.
    """
    root = _root_of(ref)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=3) as archive:
        for path in sorted(_PACKAGE.rglob("*.py")):
            archive.add(path, f"lib/hptui/{path.relative_to(_PACKAGE)}")
        n_bytes = 0
        for count, path in enumerate(python_files(root), 1):
            n_bytes += path.stat().st_size
            if count > _MAX_FILES or n_bytes > _MAX_BYTES:
                raise UsageError(
                    f"There are too many Python files in {safe_line(root)} to send: more than "
                    f"{plural(_MAX_FILES, 'file')} or {_MAX_BYTES >> 20} MB.",
                    hint="Put the objective into a folder of its own, or give it the same path "
                    "on all machines and omit --code ship.",
                )
            archive.add(path, f"code/{path.relative_to(root)}")
    return packed.getvalue()


def shipped_ref(ref: ObjectiveRef) -> ObjectiveRef:
    """Return the objective with its path inside the archive's `code`."""
    return replace(ref, target=str(Path(ref.target).relative_to(_root_of(ref))))


def _root_of(ref: ObjectiveRef) -> Path:
    """Return the folder that is sent: the file's, or that of the package it is in.

    Raises:
        UsageError: The objective is in no file of its own.
    """
    if ref.kind not in ("file", "script"):
        what = "a command" if ref.kind == "command" else "an installed module"
        raise UsageError(
            f"--code ship sends a Python file and what is beside it, and {safe_line(ref.name)} is "
            f"{what}.",
            hint="Install it on all machines, and omit --code ship.",
        )
    folder = Path(ref.target).parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


def python_files(root: Path) -> Iterator[Path]:
    """Yield the Python files below a folder; environments and hidden folders are passed over."""
    for folder, names, files in os.walk(root):
        names[:] = sorted(
            name
            for name in names
            if not name.startswith(".")
            and name not in _PASSED_OVER
            and not (Path(folder) / name / "pyvenv.cfg").exists()
        )
        yield from (Path(folder) / name for name in sorted(files) if name.endswith(".py"))

"""Another Python for what runs an objective: what it has, and how hptui's part gets there.

Such a Python needs Optuna alone. The modules of hptui that a worker or a probe imports depend on
nothing else, and are found by a folder on the path that holds a link to them and nothing more.
The processes that an objective spawns find them there, too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from hptui.domain.run_place import RunPlace, short_path
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

OWN: Final = "own"
"""What stands for the Python that runs hptui."""

_PATH: Final = "PYTHONPATH"
_OLDEST: Final = (3, 11)
_OPTUNAS: Final = (4, 5)
_LOOK_S: Final = 30.0
# Any Python understands it; what its start-up prints stands before the mark.
_PACKAGE: Final = Path(__file__).parents[2]
"""The folder of hptui's modules."""
_MARK: Final = "hptui:"
_LOOK: Final = """
import json, sys
told = {"version": "%d.%d.%d" % sys.version_info[:3]}
try:
    from importlib.metadata import version
    told["optuna"] = version("optuna")
except Exception:
    pass
print("\\nhptui:" + json.dumps(told))
"""


@dataclass(frozen=True, slots=True)
class OtherPython:
    """A Python that has Optuna, and that need not have hptui."""

    path: str
    """Absolute; links stay, since that of a virtual environment tells which one."""
    version: str
    optuna: str

    def command(self, module: str) -> list[str]:
        """Return the words that start a module of hptui, with `variables` around them."""
        return [self.path, "-P", "-m", module]

    def at(self, place: RunPlace) -> RunPlace:
        """Return the place of a run whose workers use this Python."""
        return RunPlace(place.folder, self.path, self.version, self.optuna, is_other=True)


def module_command(python: OtherPython | None, module: str) -> list[str]:
    """Return the words that start a module of hptui; None stands for the Python of this process."""
    if python is not None:
        return python.command(module)
    import sys

    return [sys.executable, "-P", "-m", module]


def package_variables(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """Put hptui's modules into a folder, and return what makes another Python find them there.

    Args:
        folder: Lives as long as whatever uses it.
        environment: What the process has besides.
    """
    place = folder / "for-workers"
    place.mkdir(mode=0o700, exist_ok=True)
    link = place / "hptui"
    if not link.is_symlink():
        link.symlink_to(_PACKAGE)
    given = environment.get(_PATH, os.environ.get(_PATH, ""))
    # First, so that another version of hptui there is not meant.
    return {_PATH: os.pathsep.join(filter(None, [str(place), given]))}


def read_python(text: str, cwd: Path) -> OtherPython | None:
    """Return the Python that a person names; None for `own`.

    Args:
        text: An interpreter's path or name, the folder of a virtual environment, or `own`.
        cwd: What a relative path is relative to.

    Raises:
        UsageError: There is none, or it is not fit for workers.
    """
    if text == OWN:
        return None
    return _look_at(find_interpreter(text, cwd))


def find_interpreter(text: str, cwd: Path) -> str:
    """Return the absolute path of the interpreter that a person names, which is not run.

    Raises:
        UsageError: There is none.
    """
    try:
        path = Path(os.path.abspath(cwd / Path(text).expanduser()))  # noqa: PTH100 - links stay
        if path.is_dir():
            path = path / "bin" / "python"
        if path.is_file():
            return str(path)
        found = None if os.sep in text else shutil.which(text)
    except (OSError, RuntimeError, ValueError):
        # A home that is unknown, or characters that no path has.
        found = None
    if not text or found is None:
        raise UsageError(
            f"There is no Python at {safe_line(text, max_chars=300)!r}.",
            hint="Give the path of an interpreter, or the folder of a virtual environment.",
        )
    return os.path.abspath(found)  # noqa: PTH100 - as above


def _look_at(path: str) -> OtherPython:
    shown = short_path(path)
    try:
        done = subprocess.run(
            [path, "-c", _LOOK],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_LOOK_S,
            cwd="/",
            check=False,
        )
    except OSError as error:
        raise UsageError(f"{shown} cannot be run: {safe_line(error.strerror or error)}.") from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(
            f"{shown} did not report its version within {_LOOK_S:g} seconds.",
            hint="Give --python the path of a Python interpreter.",
        ) from error
    told = _told(done.stdout)
    if told is None:
        raise UsageError(
            f"{shown} is not a working Python.",
            hint="Give --python the path of an interpreter, and try it: PATH --version.",
        )
    version, optuna = told
    if tuple(map(int, version.split(".")[:2])) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise UsageError(f"{shown} is Python {version}; workers need {oldest} or newer.")
    named = f"{shown} (Python {version})"
    if not optuna:
        raise UsageError(
            f"{named} has no Optuna, which workers need.",
            hint=f"Install it there: {shown} -m pip install optuna.",
        )
    if optuna.partition(".")[0] not in map(str, _OPTUNAS):
        wanted = " or ".join(map(str, _OPTUNAS))
        raise UsageError(f"{named} has Optuna {optuna}; workers need Optuna {wanted}.")
    return OtherPython(path, version, optuna)


def _told(printed: bytes) -> tuple[str, str] | None:
    """Return the versions of Python and Optuna; Optuna's is empty where there is none."""
    _, mark, text = printed.decode("utf-8", "replace").rpartition(f"\n{_MARK}")
    try:
        told: object = json.loads(text) if mark else None
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    found = cast("dict[str, object]", told)
    version = str(found.get("version"))
    if not all(part.isdecimal() for part in version.split(".")):
        return None
    return version, safe_line(found.get("optuna") or "", max_chars=40)

"""A virtual environment that has Optuna and what that needs, and nothing else."""

from __future__ import annotations

import re
import sys
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path


def make_environment(folder: Path) -> Path:
    """Make one of links to what is installed here, and return its interpreter."""
    venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
    (site,) = (folder / "lib").glob("python*/site-packages")
    for name in _needed("optuna"):
        installed = distribution(name)
        for top in {each.parts[0] for each in installed.files or () if each.parts[0] != ".."}:
            target = Path(str(installed.locate_file(top)))
            if target.exists() and not (site / top).exists() and top != "__pycache__":
                (site / top).symlink_to(target)
    return folder / "bin" / Path(sys.executable).name


def _needed(name: str) -> set[str]:
    found: set[str] = set()
    left = [name]
    while left:
        each = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if each in found:
            continue
        try:
            requires = distribution(each).requires or []
        except PackageNotFoundError:
            continue
        found.add(each)
        left += [re.split(r"[ ;<>=!~\[(]", text)[0] for text in requires if "extra" not in text]
    return found

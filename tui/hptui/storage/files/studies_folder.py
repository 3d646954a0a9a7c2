"""The folder of studies: where it is, and which files in it are study files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

STUDIES_VARIABLE: Final = "HPTUI_STUDIES"
ENDING: Final = ".db"


def usual_folder() -> Path:
    """Return the studies folder where no other is given, absolute; it need not exist yet."""
    named = os.environ.get(STUDIES_VARIABLE)
    if named:
        return Path(named).absolute()
    here = Path("studies").absolute()
    if here.is_dir():
        return here
    import platformdirs

    return Path(platformdirs.user_data_dir("hptui")) / "studies"


def study_file(folder: Path, name: str) -> Path:
    """Return the file of the study of this name; it need not exist yet."""
    return folder / f"{name}{ENDING}"


def study_files(place: Path) -> list[Path]:
    """Return the study files in a folder by name, or one file; none where nothing is there.

    Raises:
        OSError: The folder may not be read.
    """
    if place.is_dir():
        # Unlike `glob` it says when the folder may not be read.
        names = sorted(os.listdir(place))  # noqa: PTH208
        return [place / name for name in names if name.endswith(ENDING) and name[0] != "."]
    return [place] if place.exists() else []

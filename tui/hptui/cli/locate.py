"""Where studies are: the folder, and the file and name that a STUDY argument means."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.domain.text import safe_line
from hptui.errors import StudyFileError, UsageError

if TYPE_CHECKING:
    import argparse

STUDIES_VARIABLE = "HPTUI_STUDIES"
MAX_NAME_CHARS = 100
_NAME = re.compile(r"[^\W_](?:[\w. -]*[\w.-])?|_[\w.-]*")


@dataclass(frozen=True, slots=True)
class StudyLocation:
    """One study in one file."""

    path: Path
    study_name: str


def add_studies_option(parser: argparse.ArgumentParser) -> None:
    """Add `--studies DIR`."""
    parser.add_argument(
        "--studies",
        metavar="DIR",
        type=Path,
        help=f"the studies folder (default: ${STUDIES_VARIABLE}, ./studies if it exists, "
        "else your data folder)",
    )


def add_study_argument(parser: argparse.ArgumentParser) -> None:
    """Add STUDY and `--studies DIR`."""
    parser.add_argument(
        "study", metavar="STUDY", help="a study's name, path/to/file.db, or file.db:name"
    )
    add_studies_option(parser)


def studies_folder(given: Path | None) -> Path:
    """Return the studies folder, absolute; it need not exist yet."""
    if given is not None:
        return given.absolute()
    named = os.environ.get(STUDIES_VARIABLE)
    if named:
        return Path(named).absolute()
    here = Path("studies").absolute()
    if here.is_dir():
        return here
    import platformdirs

    return Path(platformdirs.user_data_dir("hptui")) / "studies"


def check_study_name(name: str) -> None:
    """Refuse names that cannot safely become a file's name.

    Raises:
        UsageError: The name is too long, or holds something else than letters, digits, dots,
            dashes, underscores and inner spaces, or begins with a dot or a dash.
    """
    if len(name) > MAX_NAME_CHARS or not _NAME.fullmatch(name):
        raise UsageError(
            f"{safe_line(name, max_chars=60)!r} cannot be a study's name.",
            hint="Use letters, digits, dots, dashes and underscores, at most "
            f"{MAX_NAME_CHARS}, not beginning with a dot or dash.",
        )


def locate_study(text: str, *, studies: Path | None = None) -> StudyLocation:
    """Return the study that `text` means.

    A name is NAME.db in the studies folder; what ends in `.db` or holds a slash is a path. The
    study in it is the only one, the one named like the file, or the one after a colon.

    Raises:
        UsageError: There is no such study, or it is not clear which; lists what there is.
    """
    path, wanted = _path_of(text, studies_folder(studies))
    names = _names_in(path)
    if wanted is None:
        if len(names) == 1:
            return StudyLocation(path, names[0])
        wanted = path.stem
        if wanted not in names:
            listed = ", ".join(safe_line(name) for name in names[:20]) or "none"
            raise UsageError(
                f"{safe_line(path.name)} holds {len(names)} studies: {listed}.",
                hint=f"Say which, like {safe_line(path.name)}:NAME.",
            )
    if wanted not in names:
        near = difflib.get_close_matches(wanted, names, n=3)
        listed = ", ".join(safe_line(name) for name in near or names[:20]) or "none"
        raise UsageError(
            f"{safe_line(path.name)} holds no study {safe_line(wanted)!r}.",
            hint=f"It holds: {listed}.",
        )
    return StudyLocation(path, wanted)


def _path_of(text: str, folder: Path) -> tuple[Path, str | None]:
    is_path = "/" in text or text.endswith(".db") or ".db:" in text
    if is_path:
        whole = Path(text).absolute()
        if whole.exists():
            return whole, None
        head, colon, name = text.rpartition(":")
        if colon and Path(head).exists():
            return Path(head).absolute(), name
        raise UsageError(f"There is no study file {safe_line(text)}.")
    check_study_name(text)
    path = folder / f"{text}.db"
    if path.exists():
        return path, None
    known = sorted(each.stem for each in folder.glob("*.db")) if folder.is_dir() else []
    near = difflib.get_close_matches(text, known, n=3)
    meant = f"Did you mean {' or '.join(safe_line(each) for each in near)}? " if near else ""
    raise UsageError(
        f"There is no study {safe_line(text)!r} in {safe_line(folder)}.",
        hint=f"{meant}hptui ls lists the studies.",
    )


def _names_in(path: Path) -> list[str]:
    import sqlite3

    from hptui.storage.gate import open_read_only, require_readable

    require_readable(path)
    connection = open_read_only(path)
    try:
        rows = connection.execute("SELECT study_name FROM studies ORDER BY study_id").fetchall()
    except sqlite3.Error as error:
        raise StudyFileError(f"{safe_line(path.name)} cannot be read: {error}.") from error
    finally:
        connection.close()
    return [str(row[0]) for row in rows]

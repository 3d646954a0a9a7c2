"""The folder of a study, beside its file: logs, what trials keep, and who runs it."""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path
from typing import Final

from hptui.domain.texts.text import safe_line
from hptui.errors import StudyFileError
from hptui.storage.files.side_files import link_on_the_way
from hptui.storage.mirror.address import parse_address
from hptui.storage.mirror.mirrors import ENGINE_LOCK, mirror_state

OTHERS: Final = "studies"
"""In the folder of a file, that of the studies that are not called like it."""
LOCK: Final = "engine.lock"
"""What is locked where the study's file itself cannot be; earlier versions left it everywhere."""
_INSIDE: Final = ("scratch", "logs", "engine.log")
_SUFFIXES: Final = (".db", ".db3", ".sqlite", ".sqlite3")


def real_file(study_file: Path) -> Path:
    """Return where a study file really is: a link to it is no other study."""
    # Its folder may be reached by a link: that leads to the same folder beside it.
    return Path(os.path.realpath(study_file)) if study_file.is_symlink() else study_file


def run_file(study_file: Path, study: str) -> Path:
    """Return the file by which a study is run: of a whole server's mirror, the study's own."""
    state = mirror_state(study_file)
    if state is None or state.study is not None:
        return study_file
    address = parse_address(state.address)
    if address is None:
        return study_file
    own = study_file.with_name(f"{address.with_study(study).digest}.db")
    return own if own.with_suffix(ENGINE_LOCK).exists() else study_file


def folder_of(study_file: Path, study: str) -> Path:
    """Return the folder of a study: `NAME.hptui` beside `NAME.db`, `NAME.EXT-hptui` beside others.

    It stands beside the real file, whatever link leads there. A study that is not called like its
    file (files may hold several) has a folder inside it.
    """
    file = real_file(run_file(study_file, study))
    # No file's folder can be another file's: `x`, `x.db`, `x.sqlite3` and `x.sqlite3.db` differ.
    is_db = file.suffix == ".db"
    beside = file.with_name(f"{file.stem}.hptui" if is_db else f"{file.name}-hptui")
    if study == file.stem:
        return beside
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", study)[:40].strip("._") or "study"
    return beside / OTHERS / f"{plain}-{zlib.crc32(study.encode(errors='replace')):08x}"


def log_path(folder: Path, number: int) -> Path:
    """Return where the output of a trial is, in its study's folder."""
    return folder / log_name(number)


def log_name(number: int) -> str:
    """Return the name of a trial's log within its study's folder."""
    return f"logs/trial-{number:06d}.log"


def scratch_path(folder: Path, number: int) -> Path:
    """Return the folder that a trial may use, in its study's folder."""
    return folder / scratch_name(number)


def scratch_name(number: int) -> str:
    """Return the name of a trial's folder within its study's folder."""
    return f"scratch/{number:06d}"


def earlier_folder(study_file: Path) -> Path | None:
    """Return the folder that earlier versions gave a file that does not end in `.db`.

    None where there is none, or where it may be another file's.
    """
    file = real_file(study_file)
    earlier = file.with_name(f"{file.stem}.hptui")
    if file.suffix == ".db" or earlier.is_symlink() or not earlier.is_dir():
        return None
    alike = (file.with_name(file.stem + suffix) for suffix in ("", *_SUFFIXES))
    is_alone = not any(os.path.lexists(other) for other in alike if other != file)
    return earlier if is_alone else None


def is_behind_link(path: Path, study_file: Path) -> bool:
    """Say whether a link leads to what is in a study's folder: then it may be another study's."""
    return link_on_the_way(path, folder_of(study_file, study_file.stem).parent) is not None


def require_no_link_in(folder: Path, *, inside: bool = False) -> None:
    """Refuse a study's folder that is a link: what is written and removed there may be anything.

    Args:
        folder: The study's folder; it need not exist.
        inside: Whether to refuse links in it, too, where runs write and clear.

    Raises:
        StudyFileError: There is one; it may come from whoever has sent the study.
    """
    top = folder.parents[2] if folder.parent.name == OTHERS else folder.parent
    link = link_on_the_way(folder, top)
    if link is None and inside:
        link = next((path for name in _INSIDE if (path := folder / name).is_symlink()), None)
    if link is not None:
        raise StudyFileError(
            f"{safe_line(link)} is a link. hptui writes there, and removes what trials leave; "
            "so it must not lead elsewhere.",
            hint="Remove the link. The folder of studies itself may lie on another disk.",
        )

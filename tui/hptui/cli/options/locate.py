"""Where studies are: the folder, and the file and name that a STUDY argument means."""

from __future__ import annotations

import difflib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.cli.options.mirrored import mirrored_file, source_of
from hptui.domain.study_name import check_study_name
from hptui.domain.study_ref import StudyRef
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError, StudyFileError, UsageError
from hptui.storage.files.studies_folder import (
    STUDIES_VARIABLE,
    study_file,
    study_files,
    usual_folder,
)
from hptui.storage.mirror.mirrors import mirror_state, place_name

if TYPE_CHECKING:
    import argparse

_MAX_LISTED = 20
_A_FILE = (
    "Give the path of the SQLite file, like studies/all.db or sqlite:///studies/all.db. "
    "hptui duplicate ADDRESS#STUDY NEW_NAME brings a study from a server into one."
)
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(/.*)", re.DOTALL)
_RELATIVE, _MEMORY = "///", (":memory:", "")
_A_FOLDER = "Give the path of the folder that the study files are in, like studies."


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
        "study",
        metavar="STUDY",
        help="a study's name, path/to/file.db, file.db:name, sqlite:///path/to/file.db, or "
        "ADDRESS#name of a server or a journal",
    )
    add_studies_option(parser)


def storage_file(text: str) -> Path:
    """Return the study file that `--storage` names, absolute; it need not exist yet.

    Raises:
        UsageError: It is an address, but none of an SQLite file.
    """
    path = typed_path(text, "--storage ")
    file = Path(os.path.abspath(path))  # noqa: PTH100 - links stay as typed
    finish_left_change(file.parent)
    return file


def typed_path(text: str, what: str = "") -> str:
    """Return the path that was typed, also as Optuna's address of an SQLite file.

    That is `sqlite:///file.db` for a path from here, and `sqlite:////abs/file.db`.

    Args:
        text: A path or an address; a study's name may follow after a colon.
        what: What stands before the text in a sentence, such as `--storage `.

    Raises:
        UsageError: It is an address of anything else.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None:
        return text
    scheme, rest = found.groups()
    if scheme.lower().partition("+")[0] != "sqlite":
        _require_no_address(what, text, _A_FILE)
        return text
    path = rest.removeprefix(_RELATIVE)
    problem = ""
    if not rest.startswith(_RELATIVE):
        problem = "has no path. Write sqlite:///file.db, or sqlite:////abs/file.db"
    elif path in _MEMORY:
        problem = "is a database in memory, and studies are in files here"
    elif "?" in path:
        problem = "has options after the ?, which are not used here. Omit them"
    if problem:
        raise UsageError(f"{what}{safe_line(text)} {problem}.")
    return path


def _require_no_address(what: str, text: str, hint: str) -> None:
    found = _ADDRESS.match(text)
    if found is None:
        return
    scheme, rest = found.groups()
    # A path has lost one of the two slashes.
    whole = text if rest.startswith("//") else f"{scheme}:/{rest}"
    raise UsageError(
        f"{what}{safe_line(whole)} is an address, but studies are in files here.", hint=hint
    )


def studies_folder(given: Path | None) -> Path:
    """Return the studies folder, absolute; it need not exist yet.

    Raises:
        UsageError: An address of a server is given.
    """
    if given is not None:
        _require_no_address("--studies ", str(given), _A_FOLDER)
        return given.absolute()
    named = os.environ.get(STUDIES_VARIABLE)
    if named:
        _require_no_address(f"${STUDIES_VARIABLE} ", named, _A_FOLDER)
    return usual_folder()


def is_file_name(text: str) -> bool:
    """Say whether STUDY is the path of a file, rather than a study's name."""
    return "/" in text or text.endswith(".db") or ".db:" in text


def finish_left_change(folder: Path) -> None:
    """Finish, or take back, what a killed command left half done in a folder of studies; say so."""
    from hptui.storage.files.journal import JOURNAL

    if not os.path.lexists(folder / JOURNAL):
        return
    from hptui.engine.studies.resuming import resume_changes

    try:
        said = resume_changes(folder)
    except HptuiError as error:
        said = f"{error.message} {error.hint}"
    if said:
        print(f"hptui: {safe_line(said, max_chars=2_000)}", file=sys.stderr, flush=True)


def spelling_of(path: Path, study_name: str) -> str:
    """Return what a person types for a study whose file is in the studies folder, or a mirror."""
    if mirror_state(path) is not None:
        return f"{place_name(path)}#{study_name}"
    if path.suffix != ".db":
        # What has neither a slash nor this ending is a study's name.
        return str(path) if study_name == path.stem else f"{path}:{study_name}"
    if study_name != path.stem:
        return f"{path.name}:{study_name}"
    # `a.db` means a file, which may be another one than that of the study `a.db`.
    return path.name if is_file_name(study_name) else study_name


def address_of(path: Path, study_name: str) -> str:
    """Return what a person types here for a study in any file."""
    if path.parent == studies_folder(None) or mirror_state(path) is not None:
        return spelling_of(path, study_name)
    return str(path) if study_name == path.stem else f"{path}:{study_name}"


def locate_study(text: str, *, studies: Path | None = None, resume: bool = True) -> StudyRef:
    """Return the study that `text` means.

    A name is NAME.db in the studies folder, and NAME:STUDY one of several studies in it; what ends
    in `.db` or holds a slash is a path, from here or else from the studies folder, also as
    `typed_path` takes it. The study in it is the only one, the one named like the file, or the one
    after a colon. An address of a server or a journal, or a named storage of the settings, is
    mirrored first, and the study is the one after a `#`.

    Args:
        text: What a person has typed.
        studies: The studies folder that was given.
        resume: Whether to go on first with what a killed command left half done there.

    Raises:
        UsageError: There is no such study, or it is not clear which; lists what there is.
        StudyFileError: Its file is no study file, or cannot be read.
    """
    return study_in(*_place_of(text, studies_folder(studies), resume=resume))


def study_in(path: Path, wanted: str | None) -> StudyRef:
    """Return the study of this name in a file; where None the only one, or that named like it.

    Raises:
        UsageError: There is none, or it is not clear which.
        StudyFileError: The file is no study file, or cannot be read.
    """
    from hptui.storage.read.studies import study_names

    names = study_names(path)
    if wanted is None:
        if len(names) == 1:
            return StudyRef(path, names[0])
        wanted = path.stem
        if wanted not in names:
            raise _not_clear(path, names)
    if wanted not in names:
        raise _not_in(path, wanted, names)
    return StudyRef(path, wanted)


def locate_file(text: str, *, studies: Path | None = None, resume: bool = True) -> Path:
    """Return the study file that `text` means, without looking into it.

    Args:
        text: What a person has typed.
        studies: The studies folder that was given.
        resume: Whether to go on first with what a killed command left half done there.

    Raises:
        UsageError: There is no such file, or `text` names a study inside of one.
    """
    path, wanted = _place_of(text, studies_folder(studies), resume=resume)
    if wanted is not None:
        raise UsageError(
            f"{safe_line(text)} names a study, but this command takes a whole file.",
            hint=f"Write {safe_line(path.name)}.",
        )
    return path


def _not_clear(path: Path, names: list[str]) -> UsageError:
    from hptui.storage.files.validation import EMPTY_HINT
    from hptui.storage.read.studies import no_study_text

    if not names:
        return StudyFileError(no_study_text(path), hint=EMPTY_HINT)
    place = safe_line(place_name(path, is_short=True))
    mark = ":" if mirror_state(path) is None else "#"
    return UsageError(
        f"{place} holds {plural(len(names), 'study', 'studies')}: {list_names(names)}.",
        hint=f"Choose one, like {place}{mark}{safe_line(names[0], max_chars=60)}.",
    )


def _not_in(path: Path, wanted: str, names: list[str]) -> UsageError:
    near = difflib.get_close_matches(wanted, names, n=3)
    place = safe_line(place_name(path, is_short=True))
    state = mirror_state(path)
    if state is not None and state.study is not None:
        # Of the others nothing is here.
        hint = f"hptui ls {place} lists the studies there."
    else:
        hint = f"It holds: {list_names(near or names)}."
    return UsageError(f"{place} holds no study {safe_line(wanted, max_chars=60)!r}.", hint=hint)


def list_names(names: list[str]) -> str:
    """Return the names of a file's studies in one line, the first twenty of many."""
    shown = ", ".join(safe_line(name, max_chars=60) for name in names[:_MAX_LISTED])
    more = len(names) - _MAX_LISTED
    return f"{shown} and {more} more" if more > 0 else shown or "none"


def _place_of(text: str, folder: Path, *, resume: bool) -> tuple[Path, str | None]:
    """Return the file that `text` means, a mirror too, and the study's name where it gives one."""
    address = source_of(text)
    if address is not None:
        return mirrored_file(address), address.study
    return _path_of(text, folder, resume=resume)


def _path_of(text: str, folder: Path, *, resume: bool) -> tuple[Path, str | None]:
    """Return the file that `text` means, and the study's name where it gives one."""
    if resume:
        finish_left_change(folder)
    is_address = _ADDRESS.fullmatch(text) is not None
    text = typed_path(text)
    if not is_address and not is_file_name(text):
        name, colon, wanted = text.partition(":")
        return _named(name, folder), wanted if colon else None
    if "\0" in text:
        raise UsageError(f"{safe_line(text)} is not the path of a file.")
    for base in (Path.cwd(), folder):
        whole = base / text
        if resume:
            # After the file's ending may come a study's name, with slashes of its own.
            finish_left_change(study_file(base, text.partition(".db")[0]).parent)
        if _exists(whole):
            return whole, None
        # A colon may be in the file's name as well as in the study's.
        for colon in re.finditer(":", text):
            path = base / text[: colon.start()]
            if _is_file(path):
                return path, text[colon.end() :]
    # A study may be called like a file.
    if "/" not in text and _is_file(named := study_file(folder, text)):
        return named, None
    raise UsageError(
        f"There is no study file {safe_line(text)}.", hint="hptui ls lists the studies."
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # A folder on the way may not be entered, or the name is longer than the system allows.
        return False


def _is_file(path: Path) -> bool:
    return _exists(path) and path.is_file()


def _named(name: str, folder: Path) -> Path:
    check_study_name(name)
    path = study_file(folder, name)
    if _exists(path):
        return path
    known = [each.stem for each in study_files(folder)]
    near = difflib.get_close_matches(name, known, n=3)
    meant = f"Did you mean {' or '.join(safe_line(each) for each in near)}? " if near else ""
    raise UsageError(
        f"There is no study {safe_line(name)!r} in {safe_line(folder)}.",
        hint=f"{meant}hptui ls lists the studies.",
    )

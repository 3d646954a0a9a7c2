"""Which mirrors there are, of what, and how old they are."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.texts.readable import show_duration
from hptui.domain.texts.text import safe_line
from hptui.errors import StudyFileError
from hptui.storage.files.side_files import read_side_object, write_private
from hptui.storage.files.studies_folder import usual_folder
from hptui.storage.mirror.address import parse_address

if TYPE_CHECKING:
    from hptui.storage.mirror.address import SourceAddress

FOLDER: Final = "mirrors"
ENGINE_LOCK: Final = ".engine"
"""The ending of the file that an engine locks which runs the study of a mirror."""
_MAX_BYTES: Final = 100_000
_GIVEN: Final[dict[Path, SourceAddress]] = {}
"""The addresses that this process was given, by the files of their mirrors."""
_OLD_S: Final = 30.0
"""An age from which nobody follows a source any more."""


@dataclass(frozen=True, slots=True)
class MirrorState:
    """What is known of a mirror."""

    address: str
    """Of the source, without a password."""
    study: str | None
    """The one study that is copied; None where all are."""
    synced_s: float | None
    """When it was last as the source, in seconds since 1970; None where it never was."""
    trouble: str = ""
    """Why it is not now, a sentence; empty where nothing is wrong."""
    notes: tuple[str, ...] = ()
    """What of the source could not be read."""
    wants_password: bool = False
    """Whether the trouble is that it wants a password, or another one."""

    def age_s(self, now_s: float | None = None) -> float | None:
        """Return for how long it has not been compared with the source, in seconds."""
        now_s = time.time() if now_s is None else now_s
        return None if self.synced_s is None else max(0.0, now_s - self.synced_s)

    @property
    def named(self) -> str:
        """The address that a person types."""
        return self.address if self.study is None else f"{self.address}#{self.study}"

    def describe(self, now_s: float | None = None) -> str:
        """Return what it is in a few words, safe for a terminal: `mirror of …, 2 s old`."""
        age_s = self.age_s(now_s)
        age = "not read yet" if age_s is None else f"{show_duration(age_s)} old"
        text = f"mirror of {safe_line(self.named)}, {age}"
        return f"{text}: {safe_line(self.trouble)}" if self.trouble else text

    @property
    def is_stale(self) -> bool:
        """Whether the source cannot be reached, or nobody follows it."""
        age_s = self.age_s()
        return bool(self.trouble) or age_s is None or age_s > _OLD_S


def mirrors_folder() -> Path:
    """Return the folder of the mirrors, which need not exist yet."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("hptui")) / FOLDER


def mirror_path(address: SourceAddress) -> Path:
    """Return the file of the mirror of a source; it need not exist yet."""
    return mirrors_folder() / f"{address.digest}.db"


def mirror_state(path: Path) -> MirrorState | None:
    """Return what is known of the mirror in a file; None where the file is no mirror."""
    if path.parent.name != FOLDER:
        return None
    side = _side_file(path)
    told = read_side_object(side, _MAX_BYTES)
    if not isinstance(told.get("mirror_of"), str):
        return None
    synced_s: Any = told.get("synced")
    trouble = str(told.get("trouble") or "")
    if not trouble and synced_s is not None:
        # Looking and finding nothing new only touches the file.
        try:
            synced_s = side.stat().st_mtime
        except OSError:
            return None
    study: Any = told.get("study")
    notes: Any = told.get("notes")
    return MirrorState(
        told["mirror_of"],
        study if isinstance(study, str) else None,
        float(synced_s) if isinstance(synced_s, int | float) else None,
        trouble,
        tuple(map(str, notes)) if isinstance(notes, list) else (),  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
        told.get("password") is True,
    )


def folder_for_new(path: Path) -> Path:
    """Return where a study is made of one in a file: beside it, or with the person's studies.

    Copies of what is mirrored have no place in a cache, which may be emptied.
    """
    if mirror_state(path) is None:
        return path.parent
    folder = usual_folder()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def place_name(path: Path, *, is_short: bool = False) -> str:
    """Return where the studies of a file are, as people know it: a mirror's are at its source.

    Args:
        path: The file.
        is_short: Whether the name of a file is enough.
    """
    state = mirror_state(path)
    if state is not None:
        return state.address
    return path.name if is_short else str(path)


def tell_state(path: Path, state: MirrorState) -> None:
    """Write what is known of a mirror beside it; `synced_s` is now where there is no trouble.

    Raises:
        OSError: It cannot be written.
    """
    facts = {
        "mirror_of": state.address,
        "study": state.study,
        "synced": state.synced_s,
        "trouble": state.trouble,
        "notes": list(state.notes),
        "password": state.wants_password,
    }
    write_private(_side_file(path), json.dumps(facts))


def touch_state(path: Path, at_s: float) -> None:
    """Say that a mirror without trouble was still as its source at a time, in seconds since 1970.

    Raises:
        OSError: It cannot be written.
    """
    os.utime(_side_file(path), (at_s, at_s))


def remember_source(address: SourceAddress) -> None:
    """Keep an address, and the password in it, in the memory of this process and nowhere else."""
    _GIVEN[mirror_path(address)] = address


def remembered_source(address: SourceAddress) -> SourceAddress:
    """Return an address with the password that this process was given for it, if it was."""
    return _GIVEN.get(mirror_path(address), address)


def source_of_mirror(path: Path) -> SourceAddress | None:
    """Return what the file is a mirror of, with the password that was given here; None for others.

    Where none was given, the server's usual places have it or it needs none.
    """
    state = mirror_state(path)
    if state is None:
        return None
    given = _GIVEN.get(path)
    if given is not None:
        return given
    address = parse_address(state.address)
    return None if address is None else address.with_study(state.study)


def changeable_source(path: Path) -> SourceAddress | None:
    """Return the server on which a study is changed that the file mirrors; None where it is a file.

    Raises:
        StudyFileError: The file is a mirror of what is only read.
    """
    state = mirror_state(path)
    if state is None:
        return None
    address = source_of_mirror(path)
    if address is None or not address.is_changeable:
        raise _only_read(state)
    return address


def is_changeable(state: MirrorState) -> bool:
    """Say whether a mirrored study is changed where it is: notes, tags, its name, its end."""
    address = parse_address(state.address)
    return address is not None and address.is_changeable


def read_only_text(state: MirrorState) -> str:
    """Return the sentence that a mirrored study cannot be changed."""
    where = "in" if state.address.startswith("/") else "on"
    place = f"This study is {where} {safe_line(state.address)}; hptui"
    if is_changeable(state):
        return f"{place} run --storage runs it there."
    return f"{place} only reads it there."


def refuse_mirror(path: Path) -> None:
    """Refuse to change a mirror: what is written there would be lost, and the source not know.

    Raises:
        StudyFileError: The file is a mirror; names its source.
    """
    state = mirror_state(path)
    if state is not None:
        raise _only_read(state)


def _only_read(state: MirrorState) -> StudyFileError:
    return StudyFileError(
        read_only_text(state),
        hint="hptui duplicate ADDRESS#STUDY NEW_NAME copies it into a file that can be changed "
        "and continued.",
    )


def _side_file(path: Path) -> Path:
    return path.with_suffix(".json")

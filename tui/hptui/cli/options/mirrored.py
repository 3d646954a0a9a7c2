"""Studies on servers and in journals: what people type for them, and the files that mirror them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError
from hptui.storage.mirror.address import parse_address, parse_storage
from hptui.storage.mirror.mirrors import (
    mirror_path,
    mirror_state,
    remember_source,
    remembered_source,
    source_of_mirror,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hptui.storage.mirror.address import SourceAddress
    from hptui.storage.mirror.mirrors import MirrorState

Result = TypeVar("Result")


def source_of(text: str) -> SourceAddress | None:
    """Return the server or journal that a STUDY argument means; None where it means a file.

    That is an address, `postgresql://me@lab/db#resnet`, the path of a journal, `journal.log#a`, or
    a storage that the settings name, `lab:` or `lab#resnet`.

    Raises:
        UsageError: The storage in the settings is no such address.
    """
    address = parse_address(text)
    if address is not None or "/" in text:
        return address
    name, mark, study = text.partition("#")
    if not mark and not name.endswith(":"):
        return None
    from hptui.ui.application.settings import load_settings

    named = load_settings().storages.get(name.removesuffix(":"))
    if named is None:
        return None
    address = parse_storage(named)
    if address is None:
        raise UsageError(
            f"The storage {safe_line(name)} of the settings is {safe_line(named)}, which is no "
            "address of a server and no journal.",
            hint="hptui help settings shows what it may be.",
        )
    return address.with_study(study or address.study)


def require_source(text: str) -> SourceAddress:
    """Return the server or journal that a text means.

    Raises:
        UsageError: It means none.
    """
    address = source_of(text)
    if address is None:
        raise UsageError(
            f"{safe_line(text)} is no address of a server, and no journal of Optuna's.",
            hint="Give an address like postgresql://me@host/db, or the path of a journal.",
        )
    return address


def mirrored_file(address: SourceAddress) -> Path:
    """Return the file that mirrors a source, brought up to date; says where it could not be.

    Raises:
        HptuiError: The source cannot be read, and never was.
    """
    return mirrored_source(address)[1]


def mirrored_source(address: SourceAddress) -> tuple[SourceAddress, Path]:
    """Return `mirrored_file` behind the address that was read, with the password if one was typed.

    Raises:
        HptuiError: The source cannot be read, and never was.
    """
    read, state = _refreshed(address)
    remember_source(read)
    if state.trouble:
        print(f"hptui: {state.describe()}", file=sys.stderr, flush=True)
    for note in state.notes:
        print(f"hptui: {safe_line(note, max_chars=400)}", file=sys.stderr, flush=True)
    return read, mirror_path(address)


def server_of(text: str) -> SourceAddress | None:
    """Return the server that `--storage` names for a run; None where it names a file.

    Raises:
        UsageError: It is a place where nothing can be run.
    """
    address = source_of(text)
    if address is not None and not address.is_changeable:
        raise UsageError(
            f"--storage {safe_line(address)}: studies there are only read.",
            hint="A run stores its study in a file, or on PostgreSQL, MySQL or MariaDB.",
        )
    return address


def name_on_server(address: SourceAddress, named: str | None) -> str | None:
    """Return the name that a study on a server is to have; None where none was given.

    Raises:
        UsageError: `#NAME` and `--study` differ.
    """
    if named is not None and address.study not in (None, named):
        raise UsageError(
            f"--storage names the study {safe_line(address.study)}, and --study "
            f"{safe_line(named)}.",
            hint="Omit one of them.",
        )
    return named or address.study


def file_of_run(address: SourceAddress) -> tuple[SourceAddress, Path]:
    """Return the server of a study that is to be run, and the file of its mirror.

    The database may be empty, and the mirror not there yet.

    Raises:
        HptuiError: The server cannot be reached, and never was.
    """
    from hptui.storage.mirror.source import BareDatabaseError

    try:
        return mirrored_source(address)
    except BareDatabaseError:
        return remembered_source(address), mirror_path(address)


def _refreshed(address: SourceAddress) -> tuple[SourceAddress, MirrorState]:
    from hptui.storage.mirror.following import refresh
    from hptui.storage.mirror.source import PasswordError

    is_first = mirror_state(mirror_path(address)) is None
    if is_first and sys.stderr.isatty():
        print(f"Reading {safe_line(address)}.", file=sys.stderr, flush=True)
    try:
        return with_password(address, refresh)
    except PasswordError:
        state = mirror_state(mirror_path(address))
        if state is None or state.synced_s is None:
            raise
        return address, state


def catch_up_mirror(path: Path) -> None:
    """Let a mirror know of a change that was made at its source; other files are left alone."""
    address = source_of_mirror(path)
    if address is not None:
        from hptui.storage.mirror.following import catch_up

        catch_up(address)


def with_password(
    address: SourceAddress, act: Callable[[SourceAddress], Result]
) -> tuple[SourceAddress, Result]:
    """Do something with a server, and again with a password that is asked for where it wants one.

    Returns:
        The address that was taken, and what it gave.

    Raises:
        PasswordError: It wants another password, and nobody can be asked.
        HptuiError: It failed.
    """
    from hptui.storage.mirror.source import PasswordError

    try:
        return address, act(address)
    except PasswordError:
        asked = with_asked_password(address)
        if asked is None:
            raise
        # It counts for what comes next, too, where the server has no study yet.
        remember_source(asked)
        return asked, act(asked)


def with_asked_password(address: SourceAddress) -> SourceAddress | None:
    """Return an address with the password that a person types; None where nobody can be asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    import getpass

    try:
        return address.with_password(getpass.getpass(f"Password for {safe_line(address.shown)}: "))
    except EOFError:
        return None

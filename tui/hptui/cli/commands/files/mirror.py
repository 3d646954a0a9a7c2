"""`hptui mirror`: local copies of studies on servers and in journals."""

from __future__ import annotations

import argparse
import os
import select
import time
from typing import TYPE_CHECKING, Any

from hptui.cli.options.mirrored import mirrored_file, mirrored_source, require_source
from hptui.cli.output.table import Column, render_table
from hptui.cli.output.terminal import Terminal
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.readable import plural, show_duration, show_size
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError
from hptui.storage.files.staging import bytes_of
from hptui.storage.mirror.address import parse_storage
from hptui.storage.mirror.mirrors import mirror_path, mirror_state, mirrors_folder
from hptui.storage.read.studies import list_studies
from hptui.storage.sqlite.timestamps import iso_utc

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.storage.mirror.address import SourceAddress
    from hptui.storage.mirror.mirrors import MirrorState

_MAX_ADDRESS_CHARS = 10_000
_EPILOG = """\
Commands and the application read studies on servers and in journals through a local copy of them,
which each of them brings up to date. ADDRESS is postgresql://me@host/db, mysql://…, redis://…,
grpc://…, the path of a journal of Optuna's, or NAME: of a storage in the settings; with #STUDY only
that study is copied from a server. Passwords come from the address, ~/.pgpass, $PGPASSWORD or
$MYSQL_PWD, else they are asked for; they are stored nowhere.

Without ADDRESS the copies are listed. They are in the cache folder, where all of them may be
deleted. With --json: objects with the keys address, study, file, synced, age_s, trouble, notes,
size_bytes, studies, trials.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui mirror`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "address",
        metavar="ADDRESS",
        nargs="?",
        help="where the studies are; - reads it from standard input and ends when that does",
    )
    parser.add_argument(
        "-f", "--follow", action="store_true", help="keep the copy in step until interrupted"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """List the mirrors, or bring one up to date."""
    if args.address is None:
        if args.follow:
            raise UsageError("--follow needs an ADDRESS.")
        _list(as_json=args.json)
        return 0
    is_piped = args.address == "-"
    # What the settings name may be away for a time.
    address = parse_storage(_read_line()) if is_piped else require_source(args.address)
    if address is None:
        raise UsageError("Standard input holds no address.")
    if args.follow:
        if not is_piped:
            # Whoever is there may be asked for a password.
            address, _ = mirrored_source(address)
        _follow(address, is_piped=is_piped)
        return 0
    path = mirrored_file(address)
    state = mirror_state(path)
    if state is not None:
        facts = _facts(path, state)
        print(dump(facts) if args.json else _sentence(state, facts))
    return 0


def _read_line() -> str:
    # Byte by byte: what `select` waits for later must not lie in a buffer.
    line = b""
    while len(line) < _MAX_ADDRESS_CHARS and (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return line.decode("utf-8", "replace")


def _follow(address: SourceAddress, *, is_piped: bool) -> None:
    from hptui.storage.mirror.following import follow

    def wait(seconds: float) -> bool:
        if not is_piped:
            time.sleep(seconds)
            return False
        is_readable = bool(select.select([0], [], [], seconds)[0])
        return is_readable and not os.read(0, 1)

    def tell(state: MirrorState) -> None:
        print(_sentence(state, _facts(mirror_path(address), state)), flush=True)

    follow(address, wait, tell)


def _facts(path: Path, state: MirrorState) -> dict[str, Any]:
    studies = [each for each in list_studies(path) if not each.problem]
    return {
        "address": state.address,
        "study": state.study,
        "file": str(path),
        "synced": iso_utc(state.synced_s),
        "age_s": state.age_s(),
        "trouble": state.trouble or None,
        "notes": list(state.notes),
        "size_bytes": bytes_of(path),
        "studies": len(studies),
        "trials": sum(each.n_trials for each in studies),
    }


def _sentence(state: MirrorState, facts: dict[str, Any]) -> str:
    holds = f"{plural(facts['studies'], 'study', 'studies')}, {plural(facts['trials'], 'trial')}"
    return f"{state.describe().removesuffix('.')}. {holds}."


def _list(*, as_json: bool) -> None:
    folder = mirrors_folder()
    paths = sorted(folder.glob("*.db")) if folder.is_dir() else []
    found = [(path, state) for path in paths if (state := mirror_state(path)) is not None]
    facts = [_facts(path, state) for path, state in found]
    if as_json:
        print(dump(facts))
        return
    if not facts:
        print("There is no mirror. hptui show ADDRESS#STUDY makes one.")
        return
    rows: list[list[object]] = [
        [
            safe_line(state.named),
            "" if each["age_s"] is None else show_duration(each["age_s"]),
            each["studies"],
            each["trials"],
            show_size(each["size_bytes"]),
            safe_line(state.trouble),
        ]
        for (_, state), each in zip(found, facts, strict=True)
    ]
    columns = (
        Column("source"),
        Column("age", "right"),
        Column("studies", "right"),
        Column("trials", "right"),
        Column("size", "right"),
        Column("trouble"),
    )
    print("\n".join(render_table(columns, rows, width=Terminal.of_stdout().table_width)))

"""`hptui rename`, `duplicate`, `delete` and `undo`: studies as things that one keeps."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from hptui.cli.options.locate import (
    add_studies_option,
    add_study_argument,
    locate_study,
    studies_folder,
)
from hptui.cli.options.mirrored import catch_up_mirror
from hptui.domain.study_ref import StudyRef
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.readable import plural, show_moment
from hptui.domain.texts.text import safe_line
from hptui.errors import StudyFileError, UsageError
from hptui.storage.mirror.mirrors import changeable_source, mirror_state

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from hptui.engine.studies.trash import TrashEntry
    from hptui.storage.mirror.address import SourceAddress

_EPILOGS = {
    "rename": (
        "If the file is named after the study and holds no other, it is renamed too, as is "
        "the folder with its logs. ADDRESS#STUDY on PostgreSQL, MySQL or MariaDB is renamed there, "
        "for everybody."
    ),
    "duplicate": (
        "The copy is a separate file beside the original; of a study on a server or in a "
        "journal, it is in the studies folder. The study may be running; its running trials are "
        "marked as failed in the copy. Logs are not copied."
    ),
    "delete": (
        "Deleted studies go to the folder .hptui-trash beside them. Remove that folder to "
        "free the space. ADDRESS#STUDY on PostgreSQL, MySQL or MariaDB is deleted there, for "
        "everybody: you are asked twice, and a copy goes to the trash of your studies first. A "
        "study whose trials have recent heartbeats is not deleted."
    ),
    "undo": "Without NAME, undoes the latest deletion.",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command that `parser` is for."""
    command = parser.get_default("command")
    parser.epilog = _EPILOGS[command]
    if command == "undo":
        parser.add_argument("name", metavar="NAME", nargs="?", help="the study to restore")
        parser.add_argument(
            "--list", action="store_true", help="list the studies that can be restored"
        )
        add_studies_option(parser)
    else:
        add_study_argument(parser)
        if command == "delete":
            parser.add_argument(
                "--confirm",
                metavar="NAME",
                help="the study's name once more, to delete it on a server without being asked",
            )
        else:
            parser.add_argument("new_name", metavar="NEW_NAME", help="the new study's name")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Do what the command says."""
    if args.command == "undo":
        return _undo(args)
    if args.command == "delete":
        return _delete(args)
    from hptui.engine.studies.renaming import duplicate_study, rename_study

    place = locate_study(args.study, studies=args.studies)
    if args.command == "rename":
        path = _renamed_on_server(args, place)
        if path is None:
            path = rename_study(place.path, place.study_name, args.new_name)
    else:
        # The copy of what is on a server is one of the person's studies.
        is_mirrored = mirror_state(place.path) is not None
        folder = studies_folder(args.studies) if is_mirrored else None
        path = duplicate_study(place.path, place.study_name, args.new_name, folder=folder)
    done = "Renamed" if args.command == "rename" else "Copied"
    sentence = f"{done} {safe_line(place.study_name)} to {safe_line(args.new_name)}."
    _tell(args, sentence, path, args.new_name)
    return 0


def _renamed_on_server(args: argparse.Namespace, place: StudyRef) -> Path | None:
    """Rename a study on its server; return the file that mirrors it, None where it is in a file."""
    address = changeable_source(place.path)
    if address is None:
        return None
    from hptui.storage.mirror.changing import rename_on_server

    rename_on_server(address, place.study_name, args.new_name)
    catch_up_mirror(place.path)
    return place.path


def _delete(args: argparse.Namespace) -> int:
    from hptui.engine.studies.trash import delete_study

    path, name = _deletable(args)
    if args.confirm not in (None, name):
        raise UsageError(
            f"--confirm {safe_line(args.confirm)} is not the name of the study, "
            f"{safe_line(name)}; it was not deleted."
        )
    address = changeable_source(path)
    if address is not None:
        return _delete_on_server(args, address, StudyRef(path, name))
    entry = delete_study(path, name)
    sentence = f"Moved {safe_line(name)} to the trash. hptui undo restores it."
    _tell(args, sentence, entry.folder, name)
    return 0


def _delete_on_server(args: argparse.Namespace, address: SourceAddress, place: StudyRef) -> int:
    from hptui.engine.studies.server_deletion import delete_there

    path, name = place
    if args.confirm is None and not _is_sure(address, place):
        print(f"{safe_line(name)} was not deleted.", file=sys.stderr)
        return 1
    entry = delete_there(address, path, name, studies_folder(args.studies))
    sentence = (
        f"Deleted {safe_line(name)} on {safe_line(address.shown)}. A copy is in the trash of "
        f"{safe_line(entry.folder.parent.parent)}; hptui undo restores it as a local study."
    )
    _tell(args, sentence, entry.folder, name)
    return 0


def _is_sure(address: SourceAddress, place: StudyRef) -> bool:
    """Ask twice whether a study is to be deleted on its server.

    Raises:
        UsageError: Nobody can be asked.
    """
    name = safe_line(place.study_name)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"{name} is on {safe_line(address.shown)}, where it would be deleted for everybody.",
            hint=f"Add --confirm {shlex.quote(name)} to delete it without being asked.",
        )
    from hptui.storage.read.studies import read_summary

    summary = read_summary(place.path, place.study_name)
    n_running = summary.counts["RUNNING"]
    running = f", {n_running} of them running" if n_running else ""
    print(
        f"{name} on {safe_line(address.shown)} has {plural(summary.n_trials, 'trial')}{running}. "
        "It is deleted for everybody who uses that server; a copy goes to your trash first.",
        file=sys.stderr,
    )
    try:
        if _answer("Delete it? [y/N] ").lower() not in ("y", "yes"):
            return False
        return _answer("Type its name to delete it: ") == place.study_name
    except EOFError:
        return False


def _answer(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    return input().strip()


def _deletable(args: argparse.Namespace) -> StudyRef:
    from hptui.cli.options.locate import locate_file

    try:
        place = locate_study(args.study, studies=args.studies)
    except StudyFileError:
        # A damaged file, or an empty one, has no studies to choose from.
        path = locate_file(args.study, studies=args.studies)
        return StudyRef(path, path.stem)
    return place


def _undo(args: argparse.Namespace) -> int:
    from hptui.engine.studies.trash import list_trash, undo_delete

    folder = studies_folder(args.studies)
    entries = list_trash(folder)
    if args.list:
        _list(args, entries)
        return 0
    found = [entry for entry in entries if args.name in (None, entry.study)]
    if not found:
        what = "" if args.name is None else f" no study {safe_line(args.name, max_chars=60)!r} in"
        raise UsageError(
            f"There is{what or ' nothing in'} the trash of {safe_line(folder)}.",
            hint="hptui undo --list shows what there is.",
        )
    path = undo_delete(found[0])
    _tell(args, f"Restored {safe_line(found[0].study)}.", path, found[0].study)
    return 0


def _list(args: argparse.Namespace, entries: list[TrashEntry]) -> None:
    if args.json:
        print(
            dump(
                [
                    {"study": entry.study, "file": entry.file, "folder": str(entry.folder)}
                    for entry in entries
                ]
            )
        )
    elif not entries:
        print("The trash is empty.")
    for entry in entries if not args.json else ():
        print(
            f"{show_moment(entry.deleted_s)}  {safe_line(entry.study)}  ({safe_line(entry.file)})"
        )


def _tell(args: argparse.Namespace, sentence: str, path: Path, name: str) -> None:
    print(dump({"study": name, "path": str(path)}) if args.json else sentence)

"""`hptui rename`, `duplicate`, `delete` and `undo`: studies as things that one keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.cli.options.locate import (
    add_studies_option,
    add_study_argument,
    locate_study,
    studies_folder,
)
from hptui.domain.json_values import dump
from hptui.domain.readable import show_moment
from hptui.domain.study_ref import StudyRef
from hptui.domain.text import safe_line
from hptui.errors import StudyFileError, UsageError
from hptui.storage.mirror.mirrors import mirror_state

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from hptui.engine.studies.trash import TrashEntry

_EPILOGS = {
    "rename": (
        "If the file is named after the study and holds no other, it is renamed too, as is "
        "the folder with its logs."
    ),
    "duplicate": (
        "The copy is a separate file beside the original; of a study on a server or in a "
        "journal, it is in the studies folder. The study may be running; its running trials are "
        "marked as failed in the copy. Logs are not copied."
    ),
    "delete": (
        "Deleted studies go to the folder .hptui-trash beside them. Remove that folder to "
        "free the space."
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
        if command != "delete":
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


def _delete(args: argparse.Namespace) -> int:
    from hptui.engine.studies.trash import delete_study

    path, name = _deletable(args)
    entry = delete_study(path, name)
    sentence = f"Moved {safe_line(name)} to the trash. hptui undo restores it."
    _tell(args, sentence, entry.folder, name)
    return 0


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

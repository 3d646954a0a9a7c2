"""`hptui push`: a study of a file copied to a server or into a journal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hptui.cli.options.locate import add_study_argument, locate_study
from hptui.cli.options.mirrored import require_source, with_asked_password
from hptui.domain.json_values import dump
from hptui.domain.readable import plural
from hptui.domain.text import safe_line
from hptui.storage.mirror.address import new_journal

if TYPE_CHECKING:
    import argparse

    from hptui.storage.mirror.address import SourceAddress

_EPILOG = (
    "The study keeps its name where ADDRESS has no #NAME. Nothing is replaced. Optuna itself makes "
    "the copy, trial by trial, so many trials take a while; trials that run are copied as running."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui push`."""
    parser.epilog = _EPILOG
    add_study_argument(parser)
    parser.add_argument(
        "address",
        metavar="ADDRESS",
        help="where to: postgresql://me@host/db, mysql://me@host/db, the path of a journal, or "
        "NAME: of a storage in the settings; with #NAME the study's name there",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Copy the study."""
    target = _target(args.address)
    place = locate_study(args.study, studies=args.studies)
    name = target.study or place.study_name
    from hptui.storage.mirror.pushing import push_study
    from hptui.storage.mirror.source import PasswordError

    try:
        count = push_study(place.path, place.study_name, target, name)
    except PasswordError:
        asked = with_asked_password(target)
        if asked is None:
            raise
        count = push_study(place.path, place.study_name, asked, name)
    if args.json:
        print(dump({"study": name, "address": target.shown, "trials": count}))
    else:
        print(
            f"{safe_line(place.study_name)} is copied to {safe_line(target.with_study(name))}: "
            f"{plural(count, 'trial')}."
        )
    return 0


def _target(text: str) -> SourceAddress:
    path, mark, study = text.partition("#")
    is_new = path.endswith((".log", ".journal")) and not Path(path).exists()
    if is_new and Path(path).absolute().parent.is_dir():
        # The journal is made.
        return new_journal(path, study if mark else None)
    return require_source(text)

"""`hptui push`: a study of a file copied to a server or into a journal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hptui.cli.options.locate import add_study_argument, locate_study
from hptui.cli.options.mirrored import require_source, with_password
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.storage.mirror.address import new_journal

if TYPE_CHECKING:
    import argparse

    from hptui.storage.mirror.address import SourceAddress

_EPILOG = (
    "The study keeps its name where ADDRESS has no #NAME. Nothing is replaced. On "
    "PostgreSQL, MySQL and MariaDB it appears whole; into a journal, in a file or in Redis, Optuna "
    "writes it trial by trial. It keeps all values, attributes, constraints, notes and tags. "
    "Running trials are marked as failed in the copy."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui push`."""
    parser.epilog = _EPILOG
    add_study_argument(parser)
    parser.add_argument(
        "address",
        metavar="ADDRESS",
        help="where to: postgresql://me@host/db, mysql://me@host/db, redis://…, the path of a "
        "journal, or NAME: of a storage in the settings; with #NAME the study's name there",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Copy the study."""
    target = _target(args.address)
    place = locate_study(args.study, studies=args.studies)
    name = target.study or place.study_name
    from hptui.storage.mirror.pushing import push_study

    _, count = with_password(
        target, lambda there: push_study(place.path, place.study_name, there, name)
    )
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

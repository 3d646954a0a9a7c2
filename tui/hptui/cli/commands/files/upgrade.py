"""`hptui upgrade`: bring a study file of an older Optuna to the present form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.cli.options.locate import add_studies_option, locate_file
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui upgrade`."""
    parser.add_argument("file", metavar="FILE", help="a study's name, or path/to/file.db")
    add_studies_option(parser)
    parser.add_argument("--json", action="store_true", help="print JSON: file, backup")


def run(args: argparse.Namespace) -> int:
    """Upgrade the file and say where its backup is."""
    path = locate_file(args.file, studies=args.studies)

    from hptui.storage.files.upgrade import upgrade_file

    backup = upgrade_file(path)
    if args.json:
        print(dump({"file": str(path), "backup": str(backup)}))
    else:
        print(f"{safe_line(path)} is upgraded. Backup: {safe_line(backup)}")
    return 0

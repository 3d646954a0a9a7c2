"""`hptui upgrade`: bring a study file of an older Optuna to the current form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hptui.domain.text import safe_line

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui upgrade`."""
    parser.add_argument("file", metavar="FILE", type=Path, help="the study file")


def run(args: argparse.Namespace) -> int:
    """Upgrade the file through Optuna's own migration; a copy of it stays beside it."""
    from hptui.storage.upgrade import upgrade_file

    backup = upgrade_file(args.file)
    print(f"Upgraded {safe_line(args.file)}; the file as it was is {safe_line(backup)}.")
    return 0

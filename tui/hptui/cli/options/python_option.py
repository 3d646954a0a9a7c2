"""The option `--python`: another Python for workers, probes and callbacks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from hptui.domain.objective import ObjectiveRef
    from hptui.registry.loading.other_python import OtherPython
    from hptui.storage.read.study_facts import StudyFacts


def add_python_option(group: argparse._ActionsContainer, text: str = "") -> None:  # pyright: ignore[reportPrivateUsage]
    """Add the option to a parser, or to a group of one, with its own help or `text`."""
    group.add_argument(
        "--python",
        metavar="PATH",
        help=text
        or (
            "another Python for workers and callbacks, with Optuna 4 or 5: an interpreter or a "
            "virtual environment (default: as in the study's last run, else hptui's own)"
        ),
    )


def python_of(
    args: argparse.Namespace, ref: ObjectiveRef, facts: StudyFacts | None
) -> tuple[OtherPython | None, str]:
    """Return the Python of a run, and a sentence where it is that of the study's last run.

    A study may name any program, so that only one that this person has used is taken over.

    Raises:
        UsageError: It cannot run workers, or the objective is a command.
    """
    if ref.kind == "command":
        if args.python is not None:
            raise UsageError(
                "--python has no effect on a command.",
                hint="Write the interpreter into the command: -- PATH train.py.",
            )
        return None, ""
    from hptui.domain.run_place import short_path
    from hptui.registry.known_code import is_known_python
    from hptui.registry.loading.other_python import OWN, read_python

    if args.python is not None:
        return read_python(args.python, Path.cwd()), ""
    was = facts.runs[-1].place if facts is not None and facts.runs else None
    if was is None or not was.is_other or not is_known_python(was.python):
        return None, ""
    if not os.path.isfile(was.python):  # noqa: PTH113 - any text
        # The run says in what it differs.
        return None, ""
    found = read_python(was.python, Path.cwd())
    return (
        found,
        f"Workers use {short_path(was.python)}, as in the last run; --python {OWN} switches back.",
    )

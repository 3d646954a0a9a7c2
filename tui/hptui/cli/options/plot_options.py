"""The options of `hptui plot` that some figures take and others do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.errors import UsageError
from hptui.figures.kinds import KINDS, PAGE_KINDS

if TYPE_CHECKING:
    import argparse

    from hptui.figures.kinds import Kind, Option, PageKind

OPTIONS: Final[dict[Option, str]] = {
    "objective": "--objective",
    "log": "--log",
    "others": "--with",
    "params": "--param",
    "axes": "--axes",
    "reference": "--reference",
    "evaluator": "--evaluator",
    "json": "--json",
}
"""By the name of their argument."""


def check_options(kind: Kind, args: argparse.Namespace) -> None:
    """Refuse an option that says nothing about this kind.

    Raises:
        UsageError: One was given.
    """
    for name, option in OPTIONS.items():
        if getattr(args, name) not in (None, False, [], ()) and name not in kind.options:
            takers = [each.name for each in KINDS.values() if name in each.options]
            raise UsageError(
                f"{option} has no effect on {kind.name}.",
                hint=f"It is for {', '.join(takers)}.",
            )


def check_page_options(kind: PageKind, args: argparse.Namespace) -> None:
    """Refuse an option that says nothing about this kind.

    Raises:
        UsageError: One was given.
    """
    for name, option in OPTIONS.items():
        is_given = name != "json" and getattr(args, name) not in (None, False, [], ())
        if is_given and name not in kind.options:
            takers = [each.name for each in PAGE_KINDS.values() if name in each.options]
            raise UsageError(
                f"{option} has no effect on a {kind.name} page.",
                hint=f"It is for {', '.join(takers)}." if takers else "Omit it.",
            )

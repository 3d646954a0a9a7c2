"""What commands that carry trials over say: how many are kept, and why others are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.domain.texts.json_values import dump
from hptui.domain.texts.text import safe_line
from hptui.domain.texts.transfer_text import Verb, reason_lines, transfer_sentence

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def add_outcome_options(parser: argparse.ArgumentParser) -> None:
    """Add `--storage FILE`, `--dry-run` and `--json`."""
    parser.add_argument(
        "--storage",
        metavar="FILE",
        help="the new study's file (default: NEW_NAME.db beside the study's); an existing file "
        "gets another study",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be kept; write nothing"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def print_outcome(
    args: argparse.Namespace,
    new_name: str,
    path: Path | None,
    n_kept: int,
    left_out: Mapping[str, int],
    remarks: Sequence[str] = (),
    verb: Verb = "have",
) -> None:
    """Print what was carried over; `path` is None where nothing was written."""
    if args.json:
        reasons = [{"reason": reason, "count": count} for reason, count in left_out.items()]
        facts = {
            "study": new_name,
            "path": None if path is None else str(path),
            "kept": n_kept,
            "left_out": sum(left_out.values()),
            "reasons": reasons,
            "remarks": list(remarks),
        }
        print(dump(facts))
        return
    print(transfer_sentence(new_name, n_kept, left_out, is_done=path is not None, verb=verb))
    for line in reason_lines(left_out):
        print(f"  {line}")
    for remark in remarks:
        print(safe_line(remark))
    if n_kept and path is not None and verb == "have":
        print(f"They get new numbers, 0 to {n_kept - 1}.")

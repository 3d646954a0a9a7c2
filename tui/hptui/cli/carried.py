"""What commands that carry trials over say: how many are kept, and why others are left out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hptui.domain.json_values import dump
from hptui.domain.text import safe_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence


def add_outcome_options(parser: argparse.ArgumentParser) -> None:
    """Add `--storage FILE`, `--dry-run` and `--json`."""
    parser.add_argument(
        "--storage",
        metavar="FILE",
        type=Path,
        help="the new study's file (default: NEW_NAME.db beside the study's); "
        "one that is there gets one more study",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be kept, and write nothing"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def tell_carried(
    args: argparse.Namespace,
    new_name: str,
    path: Path | None,
    n_kept: int,
    left_out: Mapping[str, int],
    remarks: Sequence[str] = (),
    verb: Literal["have", "get"] = "have",
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
    print(carried_sentence(new_name, n_kept, left_out, is_done=path is not None, verb=verb))
    for line in reason_lines(left_out):
        print(f"  {line}")
    for remark in remarks:
        print(safe_line(remark))
    if n_kept and path is not None and verb == "have":
        print(f"They are numbered anew, 0 to {n_kept - 1}.")


def carried_sentence(
    new_name: str,
    n_kept: int,
    left_out: Mapping[str, int],
    *,
    is_done: bool,
    verb: Literal["have", "get"] = "have",
) -> str:
    """Return `digits-2 has 142 of 203 trials, 61 are left out.`, or what would be."""
    n_left = sum(left_out.values())
    said = {"have": "has", "get": "got"}[verb] if is_done else f"would {verb}"
    n_all = n_kept + n_left
    trials = f"{n_kept:,} of {n_all:,} trial{'' if n_all == 1 else 's'}"
    rest = f", {n_left:,} left out" if n_left else ""
    return f"{safe_line(new_name)} {said} {trials}{rest}{':' if n_left else '.'}"


def reason_lines(left_out: Mapping[str, int]) -> list[str]:
    """Return a line for each reason, with the counts below each other."""
    width = max((len(f"{count:,}") for count in left_out.values()), default=0)
    return [f"{count:>{width},}  {safe_line(reason)}" for reason, count in left_out.items()]

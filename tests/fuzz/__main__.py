"""Plays random steps on the application until something breaks, or for as long as is wanted.

A seed plays the same steps again: `python -m tests.fuzz --seed 7 --sessions 1`.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.fuzz.playing import FoundError, build_studies, play_session


def main() -> int:
    """Play sessions; 0 when nothing broke, else 1 after the seeds, steps and tracebacks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="of the first session; else random")
    parser.add_argument("--sessions", type=int, default=None, help="how many, each one seed more")
    parser.add_argument("--seconds", type=float, default=None, help="begin none after so long")
    parser.add_argument("--steps", type=int, default=150, help="of each session")
    parser.add_argument("--go-on", action="store_true", help="go on after something broke")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.randrange(1_000_000)
    began_s = time.monotonic()
    n_played = n_steps = n_found = 0
    with tempfile.TemporaryDirectory(prefix="hptui-fuzz-") as place:
        template = Path(place) / "template"
        build_studies(template)
        while not _is_over(args, n_played, time.monotonic() - began_s):
            now, n_played = seed + n_played, n_played + 1
            try:
                n_steps += play_session(now, args.steps, template, Path(place) / str(now))
            except FoundError:
                n_found += 1
                traceback.print_exc()
                print(f"again: python -m tests.fuzz --seed {now} --sessions 1 --steps {args.steps}")
                if not args.go_on:
                    break
            print(f"seed {now}: {n_steps:,} steps in all", flush=True)
    print(f"{n_steps:,} steps in {n_played} sessions from seed {seed}: {n_found} failed")
    return 1 if n_found else 0


def _is_over(args: argparse.Namespace, n_played: int, past_s: float) -> bool:
    if args.sessions is None and args.seconds is None:
        return n_played >= 1
    return (args.sessions is not None and n_played >= args.sessions) or (
        args.seconds is not None and past_s >= args.seconds
    )


if __name__ == "__main__":
    sys.exit(main())

"""Random keys, clicks and sizes end nothing; `make fuzz` plays as many as one likes.

Each run of the tests plays two of five sessions; a failure names the seed.
"""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.steps import steps_of

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]
N_SESSIONS, N_STEPS = 2, 120
FIRST_SEEDS = range(1, 5)


def test_random_steps_end_nothing() -> None:
    """In a process of its own: a loop that stands still ends it, with the stacks of all threads."""
    seed = random.choice(FIRST_SEEDS)
    options = ["--seed", str(seed), "--sessions", str(N_SESSIONS), "--steps", str(N_STEPS)]
    command = [sys.executable, "-m", "tests.fuzz", *options]
    played = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert played.returncode == 0, played.stdout
    assert f"in {N_SESSIONS} sessions from seed {seed}: 0 failed" in played.stdout


def test_a_seed_plays_the_same_steps_again() -> None:
    def first(steps: Iterable[object]) -> list[object]:
        return list(itertools.islice(steps, 500))

    assert first(steps_of(7)) == first(steps_of(7)) != first(steps_of(8))

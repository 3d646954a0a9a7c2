"""Commands that are killed in the middle: nothing is lost, and nothing stays half done.

One step in `HPTUI_KILL_EVERY` is a kill, from a step on that each run of the tests draws anew;
`make test-kill` kills at every step.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from tests.e2e.kill_cases import CASES
from tests.waiting import DEADLINE_S

ROOT: Final = Path(__file__).parents[2]
EVERY: Final = int(os.environ.get("HPTUI_KILL_EVERY") or 11)
"""Odd by itself, so that the next command and the doctor mend by turns."""
FEWEST_STEPS: Final = 11


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """How the kills of each case went; all are done by one process, since starting one is dear."""
    words = ["-m", "tests.e2e.kill_sweep", str(random.randrange(EVERY)), str(EVERY)]
    print(f"python {' '.join(words)}")
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=5 * DEADLINE_S if EVERY > 1 else None,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("case", CASES)
def test_a_command_killed_at_a_step_is_finished_or_taken_back(case: str, told: dict[str, Any]):
    assert told[case]["kills"] >= max(1, FEWEST_STEPS // EVERY)
    assert not told[case]["wrong"], "\n".join(told[case]["wrong"])

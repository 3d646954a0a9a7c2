"""Commands that are killed in the middle: nothing is lost, and nothing stays half done."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.kill_cases import CASES
from tests.waiting import DEADLINE_S

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("case", CASES)
def test_a_command_killed_at_any_step_is_finished_or_taken_back(case: str):
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.kill_sweep", case],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=5 * DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["kills"] > 10
    assert not told["wrong"], "\n".join(told["wrong"])

"""What another Python imports of hptui needs nothing but Optuna there."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

PARTS: Final = (
    "hptui.engine.workers.worker_loop",
    "hptui.engine.workers.worker_program",
    "hptui.engine.workers.remote.agent",
    "hptui.registry.same_objective",
    "hptui.registry.probing.probe_child",
    "hptui.registry.scripts.script",
    "hptui.engine.following.follower_process",
)
LACKING: Final = ("joblib", "platformdirs", "plotext", "psutil", "rich", "sklearn", "textual")
CODE: Final = f"""
import sys
from importlib import import_module

for name in {LACKING}:
    sys.modules[name] = None
for name in {PARTS}:
    import_module(name)
"""


def test_parts_that_travel_import_without_the_rest() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

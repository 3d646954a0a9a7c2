from __future__ import annotations

import subprocess
import sys

_AFTER_THE_FRAME = ("hptui.registry", "hptui.engine", "hptui.storage.read", "numpy")


def test_the_first_screen_is_drawn_before_anything_is_read() -> None:
    # Each of these takes as long to import as a tenth of the time to the first frame, or longer.
    code = (
        "import sys, hptui.ui.application.app, hptui.ui.studies.studies_screen\n"
        f"print([each for each in sys.modules if each.startswith({_AFTER_THE_FRAME!r})])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

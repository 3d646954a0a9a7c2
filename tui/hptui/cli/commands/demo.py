"""`make demo`: the main job on a bundled objective, headless, in well under a minute."""

from __future__ import annotations

import sys

from hptui.cli.main import main
from hptui.storage.files.staging import temporary_folder


def demo() -> int:
    """Tune the digits network for a few seconds in a folder that is removed afterwards."""
    with temporary_folder("demo") as folder:
        place = ["--studies", str(folder)]
        print("$ hptui run digits-mlp --trials 40 --workers 2", flush=True)
        code = main(["run", "digits-mlp", "--trials", "40", "--workers", "2", *place])
        for command in (["plot", "digits-mlp", "history"], ["best", "digits-mlp"]):
            if code == 0:
                print(f"\n$ hptui {' '.join(command)}", flush=True)
                code = main([*command, *place])
    return code


if __name__ == "__main__":
    sys.exit(demo())

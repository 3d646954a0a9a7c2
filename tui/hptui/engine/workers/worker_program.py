"""A worker process of another Python, where loky may be missing: started as a program."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from hptui.engine.ipc.protocol import WorkerLink


def main() -> None:
    """Serve trials as standard input orders; where Optuna cannot be imported, say so."""
    order: dict[str, Any] = json.load(sys.stdin)
    try:
        from hptui.engine.workers.worker_loop import run_worker_process
    except ImportError as error:
        problem = {
            "message": f"{sys.executable} cannot run workers: {type(error).__name__}: {error}.",
            "hint": "Reinstall Optuna there, or use another Python with --python.",
            "detail": "",
        }
        hello = {"op": "unready", "token": order["workers"][0], "error": problem}
        WorkerLink(Path(order["socket"]), hello).close()
        return
    run_worker_process(order)


if __name__ == "__main__":
    main()

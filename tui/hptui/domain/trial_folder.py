"""The folder of the trial that is running in this worker."""

from __future__ import annotations

import os
import threading
from pathlib import Path

VARIABLE = "HPTUI_TRIAL_DIR"
_of_thread = threading.local()


def set_trial_dir(folder: str | None) -> None:
    """Set the folder for the trial of the calling thread; None when it has ended."""
    _of_thread.folder = folder


def trial_dir() -> Path:
    """Return the folder that the running trial may use for checkpoints and other files.

    It is created on the first call. When the trial completes it is kept; when it is pruned,
    fails or is killed, the folder is removed with all that is in it.

    Raises:
        RuntimeError: No trial is running here, so there is no such folder.
    """
    named: str | None = getattr(_of_thread, "folder", None) or os.environ.get(VARIABLE)
    if not named:
        raise RuntimeError("hptui.trial_dir() works only inside a trial that hptui runs")
    folder = Path(named)
    folder.mkdir(parents=True, exist_ok=True)
    return folder

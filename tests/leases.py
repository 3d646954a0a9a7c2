"""Leases as engines leave them that have died, or that run elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hptui.engine.recovery.lease import Lease, folder_of

if TYPE_CHECKING:
    from pathlib import Path


def leave_lease(study_file: Path, lease: Lease) -> None:
    """Write a lease; the study is not held by it."""
    folder = folder_of(study_file, lease.study)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "engine.json").write_text(json.dumps(lease.to_json()))

"""What a person is told of the settings in an objective's script."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hptui.domain.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hptui.domain.objective import ObjectiveRef, ScriptSetting


def not_taken_over(ref: ObjectiveRef, settings: Iterable[ScriptSetting]) -> str:
    """Return a sentence on what a script sets for its study, and hptui does not take over."""
    where = Path(ref.target).name if ref.kind == "file" else ref.target
    listed = ", ".join(each.text for each in settings)
    return f"{safe_line(where)} also sets {listed}: not taken over."

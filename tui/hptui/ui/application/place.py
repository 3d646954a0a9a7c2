"""What `hptui [PATH]` opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.domain.objective import ObjectiveRef
    from hptui.storage.mirror.address import SourceAddress


@dataclass(frozen=True, slots=True)
class OpenPlace:
    """Where the studies are that the application shows; all paths are absolute."""

    folder: Path | None
    """A folder of study files; it need not exist yet. None when one file was opened."""
    file: Path | None
    """One study file. None when a folder was opened."""
    study: str | None
    """A study of `file` to show at once."""
    source: SourceAddress | None = None
    """What `file` is a mirror of, which is followed while the application is open."""
    objective: ObjectiveRef | None = None
    """An objective for which a new study is set up at once."""

    @property
    def path(self) -> Path:
        """Whose studies are listed: the folder, or else the file."""
        path = self.folder or self.file
        assert path is not None, "either a folder or a file is open"
        return path

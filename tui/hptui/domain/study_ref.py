"""Which study, and where: what everything that is about one study is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class StudyRef(NamedTuple):
    """One study in one file."""

    path: Path
    study_name: str

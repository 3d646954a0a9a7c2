"""What is asked before a study is written to a file: the form, the place, which trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.analysis.filters.parser import parse_filter
from hptui.errors import HptuiError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hptui.domain.export_forms import ExportForm


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Where a study is to be written, and which of its trials."""

    target: Path
    """Its ending tells the form."""
    filter_text: str = ""
    is_replacing: bool = False
    """Whether a file that is there is to be replaced."""

    def arguments(self) -> list[str]:
        """Return them as `hptui export` takes them."""
        chosen = [f"--filter={self.filter_text}"] if self.filter_text.strip() else []
        return [str(self.target), *chosen, *(["--overwrite"] if self.is_replacing else [])]


def why_not_form(form: ExportForm) -> str:
    """Return why a form cannot be written here; empty where it can."""
    if form.suffix == ".parquet":
        from hptui.storage.transfer.parquet import require_pyarrow

        try:
            require_pyarrow()
        except HptuiError as error:
            return error.message
    return ""


def filter_problem(text: str, saved: Mapping[str, str]) -> str:
    """Return why a filter cannot be understood; empty where it may be, for all that is known."""
    try:
        parse_filter(text, saved)
    except UsageError as error:
        return error.message
    return ""

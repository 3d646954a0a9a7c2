"""What is asked before a study is written to a file: the form, the place, which trials."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.analysis.filters.parser import parse_filter
from hptui.domain.study_name import MAX_NAME_CHARS
from hptui.domain.text import safe_line
from hptui.errors import HptuiError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.export_forms import ExportForm

_MAX_NAME_BYTES: Final = 200


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


def place_problem(text: str, form: ExportForm) -> str:
    """Return why a study cannot be written to the path `text`; empty where it can be.

    A file that is there is no problem where it can be replaced.
    """
    if not text.strip() or "\0" in text:
        return "Enter a file path."
    target = path_of(text)
    name = safe_line(target.name, max_chars=60)
    if target.suffix.lower() != form.suffix:
        return f"Use a name that ends in {form.suffix}."
    try:
        if not target.parent.is_dir():
            return f"There is no folder {safe_line(target.parent)}."
        if target.exists() and not (form.can_replace and target.is_file()):
            return f"{name} is there already, and cannot be replaced."
    except OSError as error:
        return f"That cannot be written: {error.strerror}."
    return ""


def is_there(text: str) -> bool:
    """Say whether there is a file at the path `text`."""
    try:
        return "\0" not in text and path_of(text).exists()
    except OSError:
        return False


def filter_problem(text: str, saved: Mapping[str, str]) -> str:
    """Return why a filter cannot be understood; empty where it may be, for all that is known."""
    try:
        parse_filter(text, saved)
    except UsageError as error:
        return error.message
    return ""


def path_of(text: str) -> Path:
    """Return the path that a person typed, absolute."""
    try:
        return Path(text.strip()).expanduser().absolute()
    except RuntimeError:
        return Path(text.strip()).absolute()


def file_name_for(study_name: str, suffix: str) -> str:
    """Return a file's name for the export of a study, whatever the study is called."""
    plain = re.sub(r"[^\w .-]+", "_", study_name)[:MAX_NAME_CHARS]
    # A letter may take four bytes, and file systems count those.
    short = plain.encode()[:_MAX_NAME_BYTES].decode(errors="ignore").strip(" .")
    return f"{short or 'study'}{suffix}"

"""The forms in which a study can be written to a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ExportForm:
    """A form of file."""

    suffix: str
    """What the file's name ends in."""
    summary: str
    """What is written, without a full stop."""
    explanation: str
    """More about it, whole sentences."""
    takes_filter: bool = True
    """Whether some of the trials can be written without the others."""
    can_replace: bool = True
    """Whether a file that is there can be replaced."""


EXPORT_FORMS: Final = (
    ExportForm(
        ".csv",
        "a table of the trials, for spreadsheets",
        "Like hptui trials --csv, with all attributes and two columns from which hptui import "
        "restores the study. Text that begins like a formula gets a leading apostrophe.",
    ),
    ExportForm(
        ".jsonl",
        "the trials as JSON, one object per line",
        "Like hptui trials --json, each trial with its last report, all attributes, and "
        "system_attrs from which hptui import restores the study.",
    ),
    ExportForm(
        ".parquet",
        "a table of the trials with types, for data frames",
        "The same columns, with types: numbers, times and text. A parameter of mixed types becomes "
        "text, such an attribute JSON, and what a trial lacks is null. Needs the extra parquet.",
    ),
    ExportForm(
        ".py",
        "the parameters of the best trial, for a program",
        "Assigns best_params: a dict, or for several objectives the front as a list of dicts.",
    ),
    ExportForm(
        ".db",
        "the whole study as one SQLite file of Optuna",
        "Always has all trials; running ones are marked as failed. Never replaces a file.",
        takes_filter=False,
        can_replace=False,
    ),
)


def form_of(target: Path) -> ExportForm:
    """Return the form that a file's name asks for.

    Raises:
        UsageError: Its ending is not one of those of `EXPORT_FORMS`.
    """
    ending = target.suffix.lower()
    for form in EXPORT_FORMS:
        if form.suffix == ending:
            return form
    *first, last = (form.suffix for form in EXPORT_FORMS)
    raise UsageError(
        f"The name {safe_line(target.name)} does not tell the format.",
        hint=f"Use a name that ends in {', '.join(first)} or {last}; "
        "hptui export --help explains each.",
    )

"""The forms in which a study can be written to a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.domain.text import safe_line
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
        "As hptui trials --csv prints them, with all attributes, and two columns from which "
        "hptui import restores the study. A text that begins like a formula gets an apostrophe "
        "before it.",
    ),
    ExportForm(
        ".jsonl",
        "the trials as JSON, an object a line",
        "As hptui trials --json prints them, each with its last report, all attributes, and "
        "system_attrs from which hptui import restores the study.",
    ),
    ExportForm(
        ".parquet",
        "a table of the trials with types, for data frames",
        "The same columns. Numbers, times and texts stay what they are; a parameter of several "
        "types is text, such an attribute JSON, and what a trial does not have is null. It needs "
        "the extra parquet.",
    ),
    ExportForm(
        ".py",
        "the parameters of the best trial, for a program",
        "It assigns best_params: a dict, of several objectives the front as a list of dicts.",
    ),
    ExportForm(
        ".db",
        "the whole study as one SQLite file of Optuna",
        "Always with all trials; those that are running have failed in it. No file is replaced.",
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
        f"{safe_line(target.name)} does not say in which form to export.",
        hint=f"Use a name that ends in {', '.join(first)} or {last}; "
        "hptui export --help explains each.",
    )

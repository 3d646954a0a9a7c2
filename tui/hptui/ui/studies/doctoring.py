"""What the doctor finds about a study, and does, as work for a thread."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError
from hptui.ui.studies.study_actions import run_program, there

if TYPE_CHECKING:
    from hptui.ui.studies.catalogue_feed import StudyRow

_SENTENCE_CHARS = 1_000
_REMEDIES: Final = {
    "older": ("schema", "upgrade it; a backup is kept beside it"),
    "empty": ("no-study", "move it to the trash"),
}
"""What the doctor calls a kind of file, and can do about it."""


@dataclass(frozen=True, slots=True)
class Found:
    """One finding; its texts are safe for a terminal."""

    id: str
    text: str
    remedy: str
    hint: str
    can_be_undone: bool
    is_trouble: bool


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found, and done before."""

    findings: tuple[Found, ...] = ()
    is_running: bool = False
    """Whether an engine runs the study now."""
    done: tuple[str, ...] = ()

    @property
    def n_remedies(self) -> int:
        """How many things are wrong that can be mended."""
        return sum(bool(each.remedy) and each.is_trouble for each in self.findings)


def diagnose(row: StudyRow) -> Diagnosis:
    """Look for what is wrong with a study.

    Raises:
        HptuiError: It cannot be looked at.
    """
    is_unfit = bool(row.problem) and row.mirror is None
    return (_unfit_file(row) if is_unfit else None) or _ask(row)


def treat(row: StudyRow, finding: Found | None, *, requeue: bool = False) -> Diagnosis:
    """Do the remedy of one finding, or of all that is wrong; return what is found then.

    Raises:
        HptuiError: It cannot be done.
    """
    only = () if finding is None else ("--only", finding.id)
    return _ask(row, "--fix", *only, *(["--requeue"] if requeue else []))


def _ask(row: StudyRow, *options: str) -> Diagnosis:
    # What mends a study needs Optuna, which has no place in this process.
    address, secrets = str(row.path), dict[str, str]()
    if row.mirror is not None:
        address, secrets = there(row)
    elif not row.problem:
        address = f"{row.path}:{row.name}"
    said = run_program("doctor", address, "--json", *options, fine=(0, 1), secrets=secrets)
    try:
        answer: dict[str, Any] = json.loads(said)
        return Diagnosis(
            tuple(map(_found, answer["findings"])),
            bool(answer["engine_is_running"]),
            tuple(_safe(text) for text in answer["done"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise HptuiError(f"The doctor's answer cannot be read: {said[:200]!r}") from error


def _found(data: dict[str, Any]) -> Found:
    return Found(
        str(data["id"]),
        _safe(data["text"]),
        _safe(data["remedy"] or ""),
        _safe(data["hint"] or ""),
        bool(data["can_be_undone"]),
        bool(data["trouble"]),
    )


def _unfit_file(row: StudyRow) -> Diagnosis | None:
    """Tell of a file whose studies cannot be read; None where by now they can."""
    from hptui.storage.files.validation import inspect_file

    report = inspect_file(row.path)
    if report.kind == "optuna":
        return None
    kind, remedy = _REMEDIES.get(report.kind, ("file", ""))
    text, hint = _safe(report.sentence), _safe(report.hint)
    return Diagnosis((Found(kind, text, remedy, hint, can_be_undone=True, is_trouble=True),))


def _safe(text: object) -> str:
    return safe_line(text, max_chars=_SENTENCE_CHARS)

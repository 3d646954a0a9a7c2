"""What is done with studies as a whole, as work for a thread that ends in a sentence.

What an export asks is told here, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.analysis.filters.parser import parse_filter
from hptui.domain.study_name import check_study_name
from hptui.domain.texts.readable import plural
from hptui.errors import HptuiError, UsageError
from hptui.storage.mirror.mirrors import source_of_mirror

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hptui.domain.export_forms import ExportForm
    from hptui.ui.studies.catalogue_feed import StudyRow


_PROGRAM_TIMEOUT_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a piece of work."""

    text: str
    """A sentence, not sanitised."""
    is_done: bool = True
    study: tuple[Path, str] | None = None
    """The study to put the cursor on."""
    can_undo: bool = False
    """Whether something is in the trash."""


def carry_out(work: Callable[[], Outcome], trash_of: Path) -> Outcome:
    """Do the work and look into the trash of a folder; errors become sentences too."""
    from hptui.engine.studies.resuming import resume_changes
    from hptui.engine.studies.trash import list_trash

    try:
        resume_changes(trash_of)
        outcome = work()
    except HptuiError as error:
        outcome = Outcome(f"{error.message}\n{error.hint}".rstrip(), is_done=False)
    return Outcome(outcome.text, outcome.is_done, outcome.study, bool(list_trash(trash_of)))


def rename(row: StudyRow, new_name: str) -> Outcome:
    """Give a study another name."""
    from hptui.engine.studies.renaming import rename_study
    from hptui.storage.mirror.changing import rename_on_server
    from hptui.storage.mirror.mirrors import changeable_source

    address, path = changeable_source(row.path), row.path
    if address is None:
        path = rename_study(row.path, row.name, new_name)
    else:
        rename_on_server(address, row.name, new_name)
    return Outcome(f"Renamed {row.name} to {new_name}.", study=(path, new_name))


def duplicate(row: StudyRow, new_name: str) -> Outcome:
    """Copy a study under another name."""
    from hptui.engine.studies.renaming import duplicate_study

    path = duplicate_study(row.path, row.name, new_name)
    return Outcome(f"Copied {row.name} to {new_name}.", study=(path, new_name))


def delete(row: StudyRow) -> Outcome:
    """Move a study to the trash."""
    from hptui.engine.studies.trash import delete_study

    delete_study(row.path, row.name)
    return Outcome(f"Moved {row.name} to the trash; undo restores it.")


def delete_on_server(row: StudyRow, folder: Path) -> Outcome:
    """Delete a study on its server, after a copy has gone into the trash of a folder."""
    address, secrets = there(row)
    options = ("--studies", str(folder), f"--confirm={row.name}", "--json")
    run_program("delete", address, *options, secrets=secrets)
    where = "" if row.mirror is None else f" on {row.mirror.address}"
    return Outcome(
        f"Deleted {row.name}{where}. A copy is in the trash of {folder}; undo makes a study of "
        "yours of it."
    )


def there(row: StudyRow) -> tuple[str, dict[str, str]]:
    """Return what a command is given for a mirrored study: its address, and what is secret."""
    source = source_of_mirror(row.path)
    where = str(row.path) if row.mirror is None else row.mirror.address
    return f"{where}#{row.name}", {} if source is None else source.environment()


def undo(folder: Path) -> Outcome:
    """Bring the latest deletion back."""
    from hptui.engine.studies.trash import list_trash, undo_delete

    entries = list_trash(folder)
    if not entries:
        return Outcome("The trash is empty.", is_done=False)
    path = undo_delete(entries[0])
    return Outcome(f"Restored {entries[0].study}.", study=(path, entries[0].study))


def export(path: Path, study_name: str, wanted: ExportRequest) -> Outcome:
    """Write a study to a file."""
    # In a process of its own, since the tables of many trials take seconds of Python.
    said = run_program("export", f"{path}:{study_name}", "--json", *wanted.arguments())
    told = json.loads(said)
    written = f"{plural(told['trials'], 'trial')} written to {wanted.target}."
    return Outcome(" ".join((written, *told["remarks"])))


def enqueue_again(path: Path, study_name: str, filter_text: str) -> str:
    """Let failed trials of a study that nobody runs wait for its next run; say how many do.

    Args:
        path: The study's file.
        study_name: Its name in the file.
        filter_text: Which of them; empty for all.
    """
    chosen = [f"--filter={filter_text}"] if filter_text else []
    return run_program("retry", f"{path}:{study_name}", *chosen).strip()


def run_program(
    command: str,
    *arguments: str,
    fine: tuple[int, ...] = (0,),
    secrets: Mapping[str, str] | None = None,
) -> str:
    """Run a command of hptui in a process of its own, and return what it prints.

    Args:
        command: Its name.
        arguments: What follows it.
        fine: The exit codes that are no failure.
        secrets: What its environment has besides, which nobody else may read.

    Raises:
        HptuiError: It failed; says why.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "hptui", command, *arguments],
            env={**os.environ, **(secrets or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROGRAM_TIMEOUT_S,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise HptuiError(f"hptui {command} did not end within {_PROGRAM_TIMEOUT_S:g} s.") from error
    except OSError as error:
        raise HptuiError(f"hptui {command} cannot be started: {error.strerror}.") from error
    if done.returncode not in fine:
        raise HptuiError(done.stderr.strip().removeprefix("hptui: ") or "It failed.")
    return done.stdout


def name_problem(folder: Path, own_name: str, name: str) -> str | None:
    """Return why a study in a folder cannot get a name; None where it can."""
    if name == own_name:
        return "It already has that name."
    try:
        check_study_name(name)
    except HptuiError as error:
        return error.hint
    from hptui.engine.studies.forking import check_new_study

    try:
        check_new_study(folder, name, None)
    except HptuiError as error:
        return error.message
    except OSError:
        return "That name is too long for a file."
    return None


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


def form_problem(form: ExportForm) -> str:
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

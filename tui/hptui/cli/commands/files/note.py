"""`hptui note`: the note of a study or trial, the one that optuna-dashboard shows."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.cli.options.locate import add_study_argument, locate_study
from hptui.cli.options.mirrored import catch_up_mirror
from hptui.domain.safe_path import plain_environment
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.notes import CUT_NOTE, MAX_NOTE_CHARS
from hptui.domain.texts.text import escape_text, safe_line
from hptui.errors import HptuiError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator

    from hptui.domain.study_ref import StudyRef
    from hptui.storage.annotations.notes import Note

_EPILOG = """\
Notes are Markdown; optuna-dashboard shows and edits the same ones. You can write them while the
study runs. If somebody else saves a note while you edit it, theirs is not overwritten.
--json prints the keys study, trial, version, note; version rises with each save.
"""
_TEXT_PREFIX: Final = "hptui-note-"
_TEXT: Final = "note.md"
_MAX_BYTES: Final = 8 * MAX_NOTE_CHARS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui note`."""
    parser.epilog = _EPILOG
    add_study_argument(parser)
    parser.add_argument("trial", metavar="TRIAL", type=int, nargs="?", help="a trial's number")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--set", metavar="TEXT", help="save TEXT as the note")
    source.add_argument(
        "--file", metavar="FILE", help="save the content of FILE, or of standard input with -"
    )
    source.add_argument("--edit", action="store_true", help="edit it in $VISUAL or $EDITOR")
    source.add_argument("--clear", action="store_true", help="remove the note")
    parser.add_argument(
        "--if-version", type=int, metavar="N", help="save only if the note has version N"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the note, or save another."""
    given = _given(args)
    if given is None and not args.edit and args.if_version is not None:
        raise UsageError("--if-version needs --set, --file, --edit or --clear.")
    place = locate_study(args.study, studies=args.studies)
    if args.edit:
        return _edit(args, place)
    if given is None:
        note = _read(place, args.trial)
        if args.json or note.body:
            print(_as_json(args, place, note) if args.json else escape_text(note.body))
        return 0
    _save(place, args.trial, given, args.if_version)
    _tell(args, place)
    return 0


def _given(args: argparse.Namespace) -> str | None:
    """Return the text that was given, None where none was; before any study is looked for."""
    from hptui.domain.texts.notes import check_note

    if args.clear:
        return ""
    text = args.set if args.file is None else _read_file(args.file)
    return None if text is None else check_note(text)


def _read_file(name: str) -> str:
    try:
        if name == "-":
            data = sys.stdin.buffer.read(_MAX_BYTES)
        else:
            with Path(name).open("rb") as stream:
                data = stream.read(_MAX_BYTES)
        return data.decode()
    except OSError as error:
        raise UsageError(f"{safe_line(name)} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(
            f"{safe_line(name)} is not UTF-8 text.", hint="A note is plain text or Markdown."
        ) from error


def _read(place: StudyRef, trial: int | None) -> Note:
    from hptui.storage.read.study_detail import read_study
    from hptui.storage.read.trial_detail import read_trial

    if trial is None:
        return read_study(place.path, place.study_name).note
    return read_trial(place.path, place.study_name, trial).note


def _save(
    place: StudyRef, trial: int | None, body: str, version: int | None, mark: str = ""
) -> None:
    from hptui.engine.studies.annotations import save_edit
    from hptui.storage.annotations.changes import NoteEdit

    save_edit(place.path, place.study_name, NoteEdit(trial, body, version, mark))
    catch_up_mirror(place.path)


def _edit(args: argparse.Namespace, place: StudyRef) -> int:
    """Let the user's editor change the note, and lose nothing of what was typed there."""
    from hptui.storage.files.study_identity import mark_of
    from hptui.storage.read.session import read_study_file

    editor = _editor()
    mark = read_study_file(place.path, lambda it: mark_of(it, place.study_name))
    note = _read(place, args.trial)
    _require_whole(note)
    expected = note.version if args.if_version is None else args.if_version
    _tell_of_left_texts()
    with _text_to_edit(f"{note.body}\n" if note.body else "") as path:
        before = path.read_bytes()
        _run_editor(editor, path)
        if not path.exists():
            raise HptuiError(
                f"The editor {safe_line(editor[0])} removed the file; nothing was saved."
            )
        if path.read_bytes() == before:
            print("The note is unchanged.")
        else:
            from hptui.domain.texts.notes import check_note

            _save(place, args.trial, check_note(_read_file(str(path))), expected, mark)
            _tell(args, place)
    return 0


@contextmanager
def _text_to_edit(text: str) -> Generator[Path]:
    """Yield a file with a text; where the block fails after it was changed, it is kept."""
    folder = Path(tempfile.mkdtemp(prefix=_TEXT_PREFIX))
    path = folder / _TEXT
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Held while this process lives: by that a text being edited is told from one left behind.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        path.write_text(text, "utf-8", errors="replace")
        before = path.read_bytes()
        is_lost = False
        try:
            yield path
        except BaseException as error:
            is_lost = path.exists() and path.read_bytes() != before
            if not is_lost or not isinstance(error, (HptuiError, KeyboardInterrupt)):
                raise
            told = error if isinstance(error, HptuiError) else HptuiError("Interrupted.")
            hint = f"{told.hint}\nYour text is kept in {path}.".strip()
            raise type(told)(told.message, hint=hint) from error
        finally:
            if not is_lost:
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def _tell_of_left_texts() -> None:
    """Say which texts of this user have never been saved, as their editing was cut off."""
    for path in sorted(Path(tempfile.gettempdir()).glob(f"{_TEXT_PREFIX}*/{_TEXT}")):
        with suppress(OSError):
            descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(descriptor).st_uid == os.getuid():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    print(f"Unsaved text is in {safe_line(path)}.", file=sys.stderr)
            finally:
                os.close(descriptor)


def _require_whole(note: Note) -> None:
    """Refuse to edit a note of which only the beginning was read: the rest would be lost.

    Raises:
        UsageError: It is one.
    """
    if note.is_cut:
        raise UsageError(CUT_NOTE, hint="hptui note STUDY --set TEXT replaces it.")


def _editor() -> list[str]:
    spelled = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        words = shlex.split(spelled)
    except ValueError as error:
        raise UsageError(
            f"$VISUAL or $EDITOR is {safe_line(spelled)!r}, which is not a command: {error}."
        ) from error
    if not words:
        raise UsageError(
            "Neither $VISUAL nor $EDITOR names an editor.",
            hint="Set one, like EDITOR=nano, or give the note with --set or --file.",
        )
    return words


def _run_editor(editor: list[str], path: Path) -> None:
    try:
        environment = plain_environment()
        code = subprocess.run([*editor, str(path)], env=environment, check=False).returncode
    except OSError as error:
        raise UsageError(
            f"The editor {safe_line(editor[0])} cannot be started: {error.strerror}."
        ) from error
    if code:
        raise HptuiError(
            f"The editor {safe_line(editor[0])} ended with exit code {code}; nothing was saved."
        )


def _tell(args: argparse.Namespace, place: StudyRef) -> None:
    note = _read(place, args.trial)
    if args.json:
        print(_as_json(args, place, note))
        return
    name = safe_line(place.study_name)
    whose = name if args.trial is None else f"trial {args.trial} of {name}"
    print(f"{'Saved' if note.body else 'Cleared'} the note of {whose}.")


def _as_json(args: argparse.Namespace, place: StudyRef, note: Note) -> str:
    return dump(
        {
            "study": place.study_name,
            "trial": args.trial,
            "version": note.version,
            "note": note.body,
        }
    )

"""Whether two references mean the same objective, also after its code was moved or copied."""

from __future__ import annotations

import hashlib
import os
import shlex
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.domain.objective import ObjectiveInfo
from hptui.domain.run_place import names_same_file
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError, ObjectiveError
from hptui.registry.catalogue import candidate_of, is_registered, source_file, spell
from hptui.registry.commands.command import CommandSpec
from hptui.registry.loading.arguments import differing_arguments, show_arguments
from hptui.registry.source.objective_source import read_source

_IN_FILES = ("file", "script")

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.domain.objective import ObjectiveRef

    Words = Sequence[str]

_MAX_NAMED_BYTES: Final = 4 << 20
"""So much is read of each file that a command names: it may be its data."""
_MAX_WORDS: Final = 200
"""So many words of a command are compared to say in what two differ."""
_MAX_TOLD: Final = 3
"""So many of their differences are told."""
_MAX_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a study tunes, as its file tells."""

    study: str
    """Its name, for a sentence."""
    ref: ObjectiveRef
    file: str = ""
    """What `resolved_file` was when it ran; empty where nobody noted it."""
    folder: str = ""
    """Where it ran; empty where nobody noted it."""
    code_sha: str = ""


def resolved_file(ref: ObjectiveRef) -> str:
    """Return the file that an objective stands in, links followed; empty where none is found."""
    path = source_file(ref)
    return "" if path is None else str(path.resolve())


def source_sha(ref: ObjectiveRef) -> str:
    """Return the SHA-256 of the file that an objective stands in, without importing it.

    Of a command it is that of its description and of the files that it names.

    Raises:
        ObjectiveError: There is no such file, or it cannot be read.
    """
    if ref.kind == "command":
        return _command_sha(CommandSpec.of(ref))
    path = source_file(ref)
    if path is None:
        raise ObjectiveError(f"The source of {safe_line(ref.target)} cannot be found.")
    return hashlib.sha256(read_source(path)).hexdigest()


def is_same_objective(
    was: ObjectiveRef,
    now: ObjectiveRef,
    *,
    file: str = "",
    is_same_code: bool = False,
    study_file: Path | None = None,
    folders: tuple[str, str] = ("", ""),
    now_file: str = "",
) -> bool:
    """Say whether `now` is the objective that a study was run with.

    It is the same file and attribute, whatever was typed for them, of a script the same study and
    arguments, in which paths of one file are alike. It may also be the same code in another place,
    where the code was moved, or copied in one folder with the study. A copy that shares the study
    with what it was copied from is another objective: it may read other data. What cannot be told
    counts as the same.

    Args:
        was: The objective that the study names.
        now: The one that is to be run, found from the current folder.
        file: What `resolved_file` was for `was` when it ran; empty where nobody noted it.
        is_same_code: Whether the code of `now` is what ran then, to the last character.
        study_file: Where the study is stored.
        folders: Where a script was run, and is to be run; empty where it is not known.
        now_file: The file of `now`, where it is known better than by its reference.
    """
    if "script" in (was.kind, now.kind):
        # A script optimizes the function that a file was named for.
        if was.kind == now.kind and not _is_same_choice(was, now, folders):
            return False
    elif was.attribute != now.attribute:
        return False
    if "command" in (was.kind, now.kind):
        is_same = _is_same_command(was, now)
        if not is_same or not file:
            return is_same
    if (was.kind, was.target) == (now.kind, now.target) and (
        now.kind in _IN_FILES or is_registered(now)
    ):
        # A package that was installed anew elsewhere brings the same objective.
        return True
    before = file or (was.target if was.kind in _IN_FILES else "")
    if not before:
        return was.kind != now.kind or was.target == now.target
    after = Path(now_file) if now_file else source_file(now)
    if after is None or _is_same_file(Path(before), after):
        return True
    return is_same_code and (
        not os.path.exists(before)  # noqa: PTH110 - any text
        or (study_file is not None and _is_copied_with(study_file, Path(before), after))
    )


def _is_same_command(was: ObjectiveRef, now: ObjectiveRef) -> bool:
    """Say whether two commands differ in nothing but ranges, or are of one TOML file."""
    if was.kind != now.kind:
        return False
    try:
        before, after = CommandSpec.of(was), CommandSpec.of(now)
    except HptuiError:
        return False
    is_same_file = bool(before.file) and before.file == after.file
    is_alike = {**before.identity(), "words": []} == {**after.identity(), "words": []}
    return is_same_file or (is_alike and _are_same_words(*_bare_words(before, after)))


def difference(first: Tuned, other: Tuned) -> str:
    """Say in what the objectives of two studies differ, in a sentence; empty where in nothing."""
    is_same = _is_tuned_alike(first, other) or _is_tuned_alike(other, first)
    one, two = first.ref, other.ref
    if not is_same and one.kind == two.kind == "command":
        told = _command_difference(first, other)
    elif not is_same and (one.kind, one.target) == (two.kind, two.target) == ("script", one.target):
        told = _told_choices(first, other)
    elif not is_same:
        told = None
    else:
        candidate = candidate_of(one) or candidate_of(two)
        info = ObjectiveInfo("") if candidate is None else candidate.info
        pairs = differing_arguments(
            one.arguments, two.arguments, info, (first.folder, other.folder)
        )
        if not any(pairs):
            return ""
        told = ("was run with", *(show_arguments(each) or "no arguments" for each in pairs))
    verb, of_first, of_other = told or ("tunes", _named(first), _named(other))
    before = verb.rpartition(" ")[2] + " " if verb != "tunes" else ""
    return (
        f"{safe_line(other.study)} {verb} {of_other}, and {safe_line(first.study)} "
        f"{before}{of_first}."
    )


def _is_tuned_alike(was: Tuned, now: Tuned) -> bool:
    return is_same_objective(
        was.ref,
        now.ref,
        file=was.file,
        is_same_code=bool(was.code_sha) and was.code_sha == now.code_sha,
        folders=(was.folder, now.folder),
        now_file=now.file,
    )


def _command_difference(first: Tuned, other: Tuned) -> tuple[str, str, str] | None:
    try:
        before, after = CommandSpec.of(first.ref), CommandSpec.of(other.ref)
    except HptuiError:
        return None
    words = _bare_words(before, after)
    if not _are_same_words(*words):
        return ("runs with", *_told_words(*words))
    for key in ("metrics", "regexes"):
        one, two = before.identity()[key], after.identity()[key]
        if one != two:
            of_one, of_two = (safe_line(shlex.join(each)) or "no regex" for each in (one, two))
            return "reads", of_one, of_two
    return "runs", safe_line(first.file), safe_line(other.file)


def _told_choices(first: Tuned, other: Tuned) -> tuple[str, str, str]:
    one, two = (each.ref.after_options() for each in (first, other))
    return ("was run with", *_told_words(one, two, (first.folder, other.folder)))


def _told_words(one: Words, two: Words, folders: tuple[str, str]) -> tuple[str, str]:
    """Return in what two command lines differ: of each the words that the other has not."""
    one, two = list(one[:_MAX_WORDS]), list(two[:_MAX_WORDS])
    if len(one) == len(two):
        pairs = zip(one, two, strict=True)
        two = [a if _is_same_word(a, b, folders) else b for a, b in pairs]
    told: tuple[list[str], list[str]] = ([], [])
    for tag, *places in SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if tag == "equal" or max(map(len, told)) == _MAX_TOLD:
            continue
        for words, start, end, texts in (
            (one, places[0], places[1], told[0]),
            (two, places[2], places[3], told[1]),
        ):
            # `--data a.csv` tells more than `a.csv`.
            is_value = start > 0 and words[start - 1].startswith("-") and words[start - 1] != "--"
            start -= start < end and is_value and not words[start].startswith("-")
            text = safe_line(shlex.join(words[start:end]), max_chars=_MAX_SHOWN)
            texts += [text] if text else []
    of_one, of_two = (", ".join(each) or "nothing in its place" for each in told)
    return of_one, of_two


def _named(tuned: Tuned) -> str:
    return f"{safe_line(tuned.ref.name)} ({safe_line(spell(tuned.ref))})"


def _bare_words(before: CommandSpec, after: CommandSpec) -> tuple[Words, Words, tuple[str, str]]:
    return before.template.bare(), after.template.bare(), (before.cwd, after.cwd)


def _are_same_words(one: Words, two: Words, folders: tuple[str, str]) -> bool:
    return len(one) == len(two) and all(
        _is_same_word(a, b, folders) for a, b in zip(one, two, strict=True)
    )


def _is_same_word(one: str, two: str, folders: tuple[str, str]) -> bool:
    return one == two or names_same_file(one, two, folders)


def _command_sha(spec: CommandSpec) -> str:
    digest = hashlib.sha256(spec.to_json().encode(errors="surrogatepass"))
    for path in spec.files():
        try:
            with path.open("rb") as stream:
                digest.update(stream.read(_MAX_NAMED_BYTES))
        except OSError as error:
            raise ObjectiveError(
                f"{safe_line(path)} cannot be read: {error.strerror or error}."
            ) from error
    return digest.hexdigest()


def _is_same_choice(was: ObjectiveRef, now: ObjectiveRef, folders: tuple[str, str]) -> bool:
    """Say whether two references choose the same of a script: its study, and its data."""
    is_same_study = (was.attribute or "1") == (now.attribute or "1")
    return is_same_study and _are_same_words(was.argv, now.argv, folders)


def _is_copied_with(study_file: Path, before: Path, after: Path) -> bool:
    """Say whether the copy of a folder holds the study and the objective's file."""
    was, copy = before, after.resolve()
    while was.name and was.name == copy.name:
        was, copy = was.parent, copy.parent
    return study_file.resolve().is_relative_to(copy) and not before.is_relative_to(copy)


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)  # noqa: PTH121 - as above
    except (OSError, ValueError):
        return one == other

"""Which objectives there are and what a name stands for; nothing here runs their code.

An objective is listed from two places: entry points of the group `hptui.objectives`, and files
`objectives/*.py` and `objectives/*.toml` in the current folder. Each has one name, which can be
typed:

- an entry point, its registered name;
- in a file, the name that its decorator gives; without a decorator the file's name for the
  function `objective` or the only one there, and `file.py:function` for the others;
- a command in a TOML file, the file's name.

`resolve` reads a text in this order: a path to a file (`train.py`, `path/train.py:objective`,
`train.toml`, a path without a folder also in `objectives/`), a listed name, the name of a file in
`objectives/`, `package.module:attribute`. A name that two objectives share is refused, never
guessed.

A path, or `package.module` here, without an attribute is a script, run as it stands, where the file
optimizes a study when it is run (`script_source.py`) and has no objective under hptui's decorator,
or where arguments for it or a study of it are given. `file.py:function` is the function alone.
"""

from __future__ import annotations

import functools
import os
import shlex
from collections import Counter
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hptui.domain.objective import ObjectiveInfo, ObjectiveRef
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError, ObjectiveError
from hptui.registry.commands.command import CommandSpec
from hptui.registry.loading.arguments import (
    Pairs,
    check_arguments,
    how_to_give,
    missing_arguments,
)
from hptui.registry.scripts.script_source import ASKS_ITSELF, asks_at, is_script
from hptui.registry.source.modules import (
    find_in_folder,
    find_module_file,
    is_dotted_name,
    missing_module,
)
from hptui.registry.source.objective_source import (
    Candidate,
    candidate_in,
    candidates_in,
    choose,
    main_or_other_in,
    near_miss_in,
    plain_name,
    read_source,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUP = "hptui.objectives"
FOLDER = "objectives"
COMMAND_ENDING = ".toml"
ENDINGS = (".py", COMMAND_ENDING)
_IN_FILES = ("file", "script")
LIST_HINT = "`hptui objectives` lists the objectives."


@dataclass(frozen=True, slots=True)
class FoundObjective:
    """An objective that was found, before anything of it runs."""

    ref: ObjectiveRef
    info: ObjectiveInfo
    origin: Literal["entry point", "file", "command"]
    problem: str = ""
    """Why it cannot be read or run as it stands; empty when nothing is known against it."""
    hint: str = ""
    """What to do about the problem; may be empty."""
    lacks_arguments: bool = False
    """Whether the problem is that arguments are missing; see `with_arguments`."""


def find_objectives(folder: Path | None = None) -> list[FoundObjective]:
    """Return the objectives of entry points and of the files in a folder, sorted by name.

    Args:
        folder: Where loose files are; by default `objectives` in the current folder. Files whose
            name begins with an underscore, and those without an objective, are left out.
    """
    loose = _loose_objectives(Path.cwd() / FOLDER if folder is None else folder)
    found = [*map(_from_entry_point, entry_points(group=GROUP)), *loose]
    return sorted(_with_unique_names(found), key=lambda each: each.ref.name)


def resolve(
    text: str, cwd: Path, *, argv: Sequence[str] | None = None, study_of: str = ""
) -> FoundObjective:
    """Return the objective that `text` stands for; see the module for the order.

    Args:
        text: What a person typed.
        cwd: The folder that relative paths, `objectives/` and modules are looked for in.
        argv: The arguments of a script; None where none were given.
        study_of: Which study of a script: the number of its call of `optimize`, or a name.

    Raises:
        ObjectiveError: There is none, or several.
    """
    if not text.isprintable() or not text.strip():
        raise _unknown(text, [])
    path, attribute = _split_path(text, cwd)
    is_asked = argv is not None or bool(study_of)
    file = path or _module_file(text, cwd)
    is_python = file is not None and file.suffix != COMMAND_ENDING
    if file is not None and is_python and not attribute and (is_asked or _is_script(file)):
        return _as_script(file, tuple(argv or ()), study_of, name=text)
    if is_asked:
        raise _no_script(text)
    if path is not None:
        return _in_file(path, attribute, name=text)
    return _named(text, cwd)


def _module_file(text: str, cwd: Path) -> Path | None:
    """Return the file of a module in a package of this folder, as `python -m` finds it."""
    return find_in_folder(text, cwd) if "." in text and is_dotted_name(text) else None


def _no_script(text: str) -> ObjectiveError:
    return ObjectiveError(
        f"Only a script takes arguments after -- or --study-of, but {safe_line(text)} is not a "
        "script.",
        hint="Write the path to a Python file, without a function: hptui run FILE.py -- ARGS.",
    )


def _named(text: str, cwd: Path) -> FoundObjective:
    found = find_objectives(cwd / FOLDER)
    named = [each for each in found if text in (each.ref.name, each.info.name)]
    if len(named) == 1:
        return named[0]
    if named:
        raise _ambiguous(text, [spell(each.ref) for each in named])
    by_file = _by_file_name(text, cwd)
    if by_file is not None:
        return by_file
    module, _, attribute = text.partition(":")
    if is_dotted_name(module) and is_dotted_name(attribute or module) and not text.endswith(":"):
        in_module = _in_module(module, attribute, text, cwd)
        if in_module is not None:
            return in_module
        if attribute:
            raise _no_module(module, cwd)
    raise _unknown(text, [each.ref.name for each in found])


def with_arguments(found: FoundObjective, given: Pairs) -> FoundObjective:
    """Return an objective with arguments for what it takes besides the trial.

    Raises:
        ObjectiveError: There is no such argument, or a value does not fit, as far as the source
            tells; loading it tells the rest. Or it is no function or class.
    """
    if found.ref.kind in ("script", "command"):
        if given:
            raise _no_function(found)
        return found
    check_arguments(found.ref.name, found.info, given)
    found = replace(found, ref=replace(found.ref, arguments=given))
    if found.lacks_arguments:
        found = replace(found, problem="", hint="", lacks_arguments=False)
    return _with_missing(found)


def _no_function(found: FoundObjective) -> ObjectiveError:
    name = safe_line(found.ref.name)
    return ObjectiveError(
        f"--arg is for a function or a class, but {name} is a {found.ref.kind}.",
        hint=f"Write {name}:FUNCTION for a function of it, or the script's own arguments after --."
        if found.ref.kind == "script"
        else "Write the command's own arguments after --.",
    )


def _with_missing(found: FoundObjective) -> FoundObjective:
    """Let an objective that lacks arguments say which, unless something else is wrong with it."""
    missing = missing_arguments(found.info, found.ref.arguments)
    if found.problem or not missing:
        return found
    names = ", ".join(safe_line(each.name) for each in missing)
    problem = f"it needs arguments besides the trial: {names}"
    return replace(found, problem=problem, hint=how_to_give(missing), lacks_arguments=True)


def spell(ref: ObjectiveRef) -> str:
    """Return what can be typed for an objective wherever its name is not known."""
    if ref.kind == "command":
        return _command_text(ref)
    if ref.kind == "script":
        return shlex.join([ref.target, *ref.after_options()])
    return f"{ref.target}:{ref.attribute}"


def found_command(spec: CommandSpec, name: str = "") -> FoundObjective:
    """Return a command as an objective that was found.

    Args:
        spec: The command.
        name: How people call it; by default its program's or its file's.
    """
    problem, hint = spec.problem()
    info = spec.info()
    ref = spec.to_ref(name)
    return FoundObjective(ref, replace(info, name=ref.name), "command", problem, hint)


def candidate_of(ref: ObjectiveRef) -> Candidate | None:
    """Return what the source says about one objective; None when there is none to be read."""
    path = None if ref.kind in ("command", "script") else source_file(ref)
    if path is None:
        return None
    try:
        return candidate_in(read_source(path), path, ref.attribute)
    except ObjectiveError:
        return None


def source_file(ref: ObjectiveRef) -> Path | None:
    """Return the file that a reference stands for: of a command the first that it names."""
    if ref.kind == "command":
        try:
            return next(iter(CommandSpec.of(ref).files()), None)
        except HptuiError:
            return None
    if ref.kind in _IN_FILES:
        return Path(ref.target)
    return find_module_file(ref.target, None if is_registered(ref) else Path.cwd())


def is_registered(ref: ObjectiveRef) -> bool:
    """Say whether an installed package has registered this module and attribute."""
    value = f"{ref.target}:{ref.attribute}"
    return ref.kind == "module" and any(
        _value_of(entry) == value for entry in entry_points(group=GROUP)
    )


def shown_name(ref: ObjectiveRef) -> str:
    """Return how lists call the objective that a study file names.

    The file may give any name: where that neither says where the code stands nor is the one that
    an installed package has registered for it, the place follows.
    """
    if ref.kind == "command":
        return f"{ref.name} ({_command_text(ref)})"
    where = Path(ref.target).name if ref.kind in _IN_FILES else ref.target
    called = ref.name.partition(":")[0]
    if ref.kind in _IN_FILES and where.endswith(".py") and Path(called).name == where:
        return ref.name
    if ref.kind == "module" and (called == where or (ref.name, spell(ref)) in _registered()):
        return ref.name
    return f"{ref.name} ({where})"


def _command_text(ref: ObjectiveRef) -> str:
    try:
        return shlex.join(CommandSpec.of(ref).typed_words())
    except HptuiError:
        return "a damaged command"


@functools.cache
def _registered() -> frozenset[tuple[str, str]]:
    return frozenset((entry.name, _value_of(entry)) for entry in entry_points(group=GROUP))


def _value_of(entry: EntryPoint) -> str:
    # `module : attribute [extra]` is an old spelling that is still allowed.
    return "".join(entry.value.split("[")[0].split())


def _from_entry_point(entry: EntryPoint) -> FoundObjective:
    module, _, attribute = _value_of(entry).partition(":")
    ref = ObjectiveRef("module", module, attribute, entry.name)
    plain = ObjectiveInfo(entry.name)
    if not is_dotted_name(attribute) or not is_dotted_name(module):
        problem = f"its entry point {safe_line(entry.value)!r} is not module:attribute"
        return FoundObjective(ref, plain, "entry point", problem)
    path = find_module_file(module)
    if path is None:
        return FoundObjective(ref, plain, "entry point", f"the module {module} cannot be found")
    found = _describe(ref, path, "entry point")
    return replace(found, info=replace(found.info, name=entry.name))


def _describe(
    ref: ObjectiveRef, path: Path, origin: Literal["entry point", "file"], *, name: str = ""
) -> FoundObjective:
    """Return what the source in `path` says about `ref`, or why it says nothing."""
    try:
        said = candidate_in(read_source(path), path, ref.attribute)
    except ObjectiveError as error:
        return FoundObjective(ref, ObjectiveInfo(name or ref.name), origin, error.message)
    return _described(ref, said, origin, name or ref.name)


def _described(
    ref: ObjectiveRef, said: Candidate, origin: Literal["entry point", "file"], name: str
) -> FoundObjective:
    info = said.info if said.line else replace(said.info, name=name)
    return _with_missing(FoundObjective(ref, info, origin, said.problem, said.hint))


def _loose_objectives(folder: Path) -> list[FoundObjective]:
    try:
        paths = sorted(path for ending in ENDINGS for path in folder.glob(f"*{ending}"))
    except OSError:
        return []
    return [each for path in paths if not path.name.startswith("_") for each in _loose_in(path)]


def _loose_in(path: Path) -> list[FoundObjective]:
    if path.suffix == COMMAND_ENDING:
        return [_described_command(path)]
    target = str(_absolute(path.parent, path.name))
    stem = plain_name(path.stem)
    try:
        candidates = candidates_in(read_source(path), path)
    except ObjectiveError as error:
        ref = ObjectiveRef("file", target, "objective", stem)
        return [FoundObjective(ref, ObjectiveInfo(stem), "file", error.message)]
    main = choose(candidates)
    found: list[FoundObjective] = []
    for each in candidates:
        if each.decorated:
            name = each.info.name
        else:
            name = stem if each is main else f"{path.name}:{each.attribute}"
        ref = ObjectiveRef("file", target, each.attribute, name)
        info = replace(each.info, name=name)
        found.append(_with_missing(FoundObjective(ref, info, "file", each.problem, each.hint)))
    return found


def _described_command(path: Path) -> FoundObjective:
    try:
        return found_command(CommandSpec.from_file(_absolute(path.parent, path.name), Path.cwd()))
    except HptuiError as error:
        ref = ObjectiveRef("command", "{}", "", path.stem)
        problem = error.message.removesuffix(".")
        return FoundObjective(ref, ObjectiveInfo(path.stem), "command", problem, error.hint)


def _with_unique_names(found: list[FoundObjective]) -> list[FoundObjective]:
    counts = Counter(each.ref.name for each in found)
    return [
        replace(each, ref=replace(each.ref, name=_path_name(each.ref)))
        if counts[each.ref.name] > 1
        else each
        for each in found
    ]


def _path_name(ref: ObjectiveRef) -> str:
    if ref.kind == "module":
        return spell(ref)
    if ref.kind == "command":
        return f"{FOLDER}/{ref.name}{COMMAND_ENDING}"
    return f"{FOLDER}/{Path(ref.target).name}:{ref.attribute}"


def _split_path(text: str, cwd: Path) -> tuple[Path | None, str]:
    """Return the file that `text` names, with the attribute after its last colon if any.

    The whole text is tried first, so that a folder's name may hold a colon.
    """
    before, colon, after = text.rpartition(":")
    if text.endswith(".ipynb"):
        raise _notebook(text)
    for path_text, attribute in ((text, ""), (before, after)) if colon else ((text, ""),):
        if not _looks_like_path(path_text):
            continue
        for base in (cwd, cwd / FOLDER) if "/" not in path_text else (cwd,):
            path = _absolute(base, path_text)
            if os.path.exists(path):  # noqa: PTH110 - False for a name that is too long
                return path, attribute
    if _looks_like_path(text) or _looks_like_path(before):
        raise _no_file(before if _looks_like_path(before) else text, cwd)
    return None, ""


def _notebook(text: str) -> ObjectiveError:
    script = f"{text.removesuffix('.ipynb')}.py"
    return ObjectiveError(
        f"{safe_line(text)} is a notebook; hptui run takes Python files.",
        hint="In the notebook: import hptui; hptui.run(objective, n_trials=100)\n"
        f"As a file: jupyter nbconvert --to script {safe_line(shlex.quote(text))}, then "
        f"hptui run {safe_line(shlex.quote(script))}",
    )


def _looks_like_path(text: str) -> bool:
    return "/" in text or text.endswith(ENDINGS)


def _absolute(base: Path, text: str) -> Path:
    # Symbolic links stay as they were typed; only loading follows them.
    return Path(os.path.abspath(base / os.path.expanduser(text)))  # noqa: PTH100, PTH111


def _no_file(text: str, cwd: Path) -> ObjectiveError:
    path = _absolute(cwd, text)
    try:
        beside = [each.name for ending in ENDINGS for each in path.parent.glob(f"*{ending}")]
    except OSError:
        beside = []
    close = [str(Path(text).with_name(name)) for name in get_close_matches(path.name, beside)]
    return ObjectiveError(
        f"There is no file {safe_line(text)}.", hint=_guess(close) or "Check the path."
    )


def _in_file(path: Path, attribute: str, *, name: str) -> FoundObjective:
    if path.is_dir():
        raise ObjectiveError(
            f"{safe_line(path)} is a folder, not an objective.", hint="Name a file in it."
        )
    if path.suffix == COMMAND_ENDING:
        if attribute:
            raise ObjectiveError(
                f"{safe_line(path.name)} holds one command, and nothing called "
                f"{safe_line(attribute)!r}.",
                hint=f"Write {safe_line(path.name)} alone.",
            )
        # Where hptui was started is where the program runs, wherever its file stands.
        return found_command(CommandSpec.from_file(path, Path.cwd()), name)
    source = read_source(path)
    attribute = attribute or _main_attribute(source, path, path.name)
    if not is_dotted_name(attribute):
        raise ObjectiveError(
            f"{safe_line(attribute)!r} is not the name of a function.",
            hint=f"Write {safe_line(path.name)}:FUNCTION.",
        )
    ref = ObjectiveRef("file", str(path), attribute, name)
    said, is_main = main_or_other_in(source, path, attribute)
    found = _described(ref, said, "file", plain_name(attribute))
    if is_main and not said.decorated:
        return replace(found, info=replace(found.info, name=plain_name(path.stem)))
    return found


def _is_script(path: Path) -> bool:
    try:
        source = read_source(path)
        is_made_for_us = any(each.decorated for each in candidates_in(source, path))
    except ObjectiveError:
        return False
    return not is_made_for_us and is_script(source, path)


def _as_script(path: Path, argv: tuple[str, ...], study_of: str, *, name: str) -> FoundObjective:
    """Return a script, with what reading it tells of the first objective that it has."""
    source = read_source(path)
    ref = ObjectiveRef("script", str(path), study_of, name, argv)
    main = choose(candidates_in(source, path))
    info = ObjectiveInfo("") if main is None else main.info
    # What it sets is taken over, and running it tells what that is.
    info = replace(info, name=plain_name(path.stem), settings=(), n_values=None, doubt="")
    # The script itself passes what its function needs.
    info = replace(info, arguments=(), takes_any=False)
    return FoundObjective(ref, info, "file")


def _main_attribute(source: bytes, path: Path, file_name: str) -> str:
    candidates = candidates_in(source, path)
    main = choose(candidates)
    if main is not None:
        return main.attribute
    if candidates:
        raise _ambiguous(file_name, [f"{file_name}:{each.attribute}" for each in candidates])
    near = near_miss_in(source, path, file_name)
    line = asks_at(source, path)
    if line is not None:
        what, hint = ASKS_ITSELF
        where = f"line {line}"
        raise ObjectiveError(f"{safe_line(file_name)} {what.format(where=where)}.", hint=hint)
    if near is not None and near.attribute:
        return near.attribute
    problem = "has no function that takes a trial" if near is None else near.problem
    hint = (
        f"Name one, as in {safe_line(file_name)}:FUNCTION. A program that takes arguments is tuned "
        f"by them: hptui run --metric NAME -- python {safe_line(file_name)} --lr '{{lr=0.0..1.0}}'"
        if near is None
        else near.hint
    )
    raise ObjectiveError(f"{safe_line(file_name)} {problem}.", hint=hint)


def _by_file_name(text: str, cwd: Path) -> FoundObjective | None:
    for stem in (text, text.replace("-", "_")):
        path = _absolute(cwd / FOLDER, f"{stem}.py")
        if not stem.startswith("_") and os.path.isfile(path):  # noqa: PTH113 - as above
            return _in_file(path, "", name=text)
    return None


def _in_module(module: str, attribute: str, text: str, cwd: Path) -> FoundObjective | None:
    path = find_module_file(module, cwd)
    if path is None:
        return None
    if not attribute:
        if "." not in module:
            return None
        attribute = _main_attribute(read_source(path), path, module)
    ref = ObjectiveRef("module", module, attribute, text)
    return _describe(ref, path, "file", name=plain_name(attribute))


def _no_module(module: str, cwd: Path) -> ObjectiveError:
    missing = missing_module(module, cwd)
    if missing is None:
        return ObjectiveError(
            f"The module {safe_line(module)} has no Python file.",
            hint="Name a module that is written in Python.",
        )
    package, _, name = missing.rpartition(".")
    what = f"{safe_line(package)} has" if package else "There is"
    return ObjectiveError(
        f"{what} no module {safe_line(name)}.",
        hint="Run hptui in the folder that the module is imported from, or install its package. "
        f"{LIST_HINT}",
    )


def _ambiguous(text: str, spellings: list[str]) -> ObjectiveError:
    listed = ", ".join(safe_line(each) for each in spellings)
    return ObjectiveError(
        f"{safe_line(text)!r} matches several objectives.", hint=f"Write one of {listed}."
    )


def _guess(close: list[str]) -> str:
    return f"Did you mean {' or '.join(map(safe_line, close))}?" if close else ""


def _unknown(text: str, names: list[str]) -> ObjectiveError:
    close = get_close_matches(text, names, n=3, cutoff=0.5)
    hint = f"{_guess(close)} {LIST_HINT}".strip()
    return ObjectiveError(f"There is no objective {safe_line(text)!r}.", hint=hint)

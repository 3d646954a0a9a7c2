"""A program that is tuned by its command line: what is run, what varies, what is read from it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

from hptui.domain.objective import Direction, ObjectiveInfo, ObjectiveRef
from hptui.domain.spaces.param_edit import show
from hptui.domain.spaces.space import ChoiceParam
from hptui.domain.texts.text import safe_line
from hptui.errors import ObjectiveError, SpaceError
from hptui.registry.commands.command_table import (
    FILE_FORM,
    SHOWN_KEYS,
    Take,
    read_field,
    table_of_file,
    told,
)
from hptui.registry.commands.command_words import (
    MACROS,
    SPACE_FORMS,
    Space,
    Words,
    flag_space,
    parse_space,
    taken_name,
)

LAST_LINE: Final = "-"
"""The metric that is the last line of the output."""
DEFAULT_GRACE_S: Final = 10.0
MAX_GRACE_S: Final = 3600.0
_INTERPRETERS: Final = re.compile(
    r"(?:python|pypy|perl|ruby|node|julia|lua|bash|sh|zsh|dash|ksh)[0-9.]*|Rscript|octave"
)
_SCRIPTS: Final = frozenset(
    (".py", ".sh", ".r", ".R", ".jl", ".pl", ".rb", ".js", ".ts", ".lua", ".m")
)


@dataclass(frozen=True, kw_only=True)
class CommandSpec:
    """A command and how its results are read; `words` hold the holes as they were typed.

    Raises:
        ObjectiveError: A part does not hold together; the sentence says which.
        SpaceError: A parameter's space cannot be read, or a hole has none.
    """

    words: tuple[str, ...]
    metrics: tuple[str, ...]
    """Names as the program prints them; `LAST_LINE` alone, or one for each objective."""
    directions: tuple[Direction, ...] = ()
    """One for each metric; empty means minimize."""
    space: Mapping[str, str] = field(default_factory=dict[str, str])
    """Spaces that stand in no hole, spelled alike."""
    take: Take = "last"
    """Which of a metric's values is the trial's."""
    regexes: tuple[str, ...] = ()
    """One for each metric, whose first group is the value; empty: the names are looked for."""
    grace_s: float = DEFAULT_GRACE_S
    """How long the program may take to end when it is asked to."""
    pty: bool = False
    """Whether its output is a terminal's, for programs that would hold it back otherwise."""
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    cwd: str = ""
    """Where it runs."""
    file: str = ""
    """The TOML file that describes it; empty for what was typed."""
    summary: str = ""
    sampler: str = "tpe"
    pruner: str = "median"

    def __post_init__(self) -> None:
        if not self.words or not self.words[0]:
            raise ObjectiveError(
                "There is no command to run.",
                hint="As in: hptui run --metric loss -- python train.py --lr '{lr=1e-5..1e-1:log}'",
            )
        if any("\0" in each for each in (*self.words, *self.env, *self.env.values())):
            raise ObjectiveError("A command cannot hold a NUL character.")
        self._check_metrics()
        if self.directions and len(self.directions) != len(self.metrics):
            raise ObjectiveError(
                f"There are {len(self.metrics)} metrics and {len(self.directions)} directions.",
                hint="Give --direction once for each metric, in their order.",
            )
        if not 0 <= self.grace_s <= MAX_GRACE_S:
            raise ObjectiveError(
                f"The grace is {self.grace_s:g} s.", hint=f"Give 0 to {MAX_GRACE_S:g} seconds."
            )
        # Reading them tells what is wrong with them.
        _ = self.spaces

    def _check_metrics(self) -> None:
        if not self.metrics:
            raise ObjectiveError(
                "Which of the printed numbers should be tuned?",
                hint="Name it, as in --metric val_loss; --metric - is the last line of its output.",
            )
        if len(set(self.metrics)) < len(self.metrics) or "" in self.metrics:
            raise ObjectiveError("A metric has no name, or is given twice.")
        if LAST_LINE in self.metrics and (len(self.metrics) > 1 or self.regexes):
            raise ObjectiveError(
                "--metric - must be the only metric: it is the output's last line."
            )
        if self.regexes and len(self.regexes) != len(self.metrics):
            raise ObjectiveError(
                f"There are {len(self.metrics)} metrics and {len(self.regexes)} expressions.",
                hint="Give --metric-regex once for each --metric, in their order.",
            )
        for text in self.regexes:
            try:
                has_group = re.compile(text).groups > 0
            except (re.error, RecursionError, OverflowError) as error:
                raise ObjectiveError(
                    f"The expression {show(text)} cannot be read: {safe_line(error)}."
                ) from error
            if not has_group:
                raise ObjectiveError(
                    f"The expression {show(text)} has no group.",
                    hint=r"The first group is the value, as in --metric-regex 'loss (\S+)'.",
                )

    @cached_property
    def template(self) -> Words:
        """The words, read."""
        return Words.read(self.words)

    @cached_property
    def spaces(self) -> dict[str, Space]:
        """The parameters, in the order of their places in the command."""
        template = self.template
        found: dict[str, Space] = {}
        for name in dict.fromkeys((*template.names, *self.space)):
            if name in MACROS:
                raise taken_name(name)
            text = self.space.get(name) or template.declared.get(name)
            if name in self.space and name in template.declared:
                raise SpaceError(f"Parameter {show(name)} is declared twice.")
            if name in template.flags:
                if text is not None:
                    raise SpaceError(f"Parameter {show(name)} is a switch; it has no range.")
                found[name] = flag_space()
            elif text is None:
                raise _no_space(name)
            else:
                found[name] = parse_space(name, text)
        takes_rest = template.macros & {"args", "overrides", "params", "params_file"}
        if set(found) - set(template.names) and not takes_rest:
            names = ", ".join(safe_line(each) for each in found if each not in template.names)
            # HPTUI_PARAMS has them, so a program may read them from there.
            if not self.file:
                raise SpaceError(
                    f"The command has no place for {names}.",
                    hint="Write {NAME} where its value goes, or {args} for all, as --NAME=VALUE.",
                )
        return found

    @property
    def program(self) -> str:
        """The name of what is tuned: the script's, a module's behind -m, or the program's."""
        words = self.words
        scripts = [str(path) for path in self.files() if path.suffix in _SCRIPTS]
        named = self._script() or next(iter(scripts), words[0])
        if named == words[0] and "-m" in words[:-1]:
            return words[words.index("-m") + 1].rpartition(".")[2] or "command"
        return Path(named).stem or "command"

    def info(self) -> ObjectiveInfo:
        """Return what is known of it without running it."""
        names = () if self.metrics == (LAST_LINE,) else self.metrics
        return ObjectiveInfo(
            Path(self.file).stem if self.file else self.program,
            summary=self.summary or self.shown(),
            directions=self.directions or ("minimize",) * len(self.metrics),
            metric_names=names,
            sampler=self.sampler,
            pruner=self.pruner,
            space={name: each.spec for name, each in self.spaces.items()},
            n_values=len(self.metrics),
        )

    def shown(self) -> str:
        """Return the command with its holes, quoted for a shell."""
        return shlex.join(self.words)

    def options(self, here: Path, *, with_directions: bool = True) -> list[str]:
        """Return the options of `hptui run` that say how the command is run and read.

        Args:
            here: The folder that it will be typed in; another one than the command's own is named.
            with_directions: Whether `--direction` is among them.
        """
        options = [part for each in self.metrics for part in _option("--metric", each)]
        options += [part for each in self.regexes for part in _option("--metric-regex", each)]
        for direction in self.directions if with_directions else ():
            options += ["--direction", direction]
        for name, text in self.space.items():
            if name not in self.template.names:
                # It has no hole that could say so.
                is_list = isinstance(self.spaces[name].spec, ChoiceParam)
                options += ["--choices" if is_list else "--space", f"{name}={text}"]
        if self.take != "last":
            options += ["--metric-take", self.take]
        if self.grace_s != DEFAULT_GRACE_S:
            options += ["--grace", f"{self.grace_s:g}s"]
        if self.pty:
            options.append("--pty")
        if self.cwd and self.cwd != str(here):
            options += ["--cwd", self.cwd]
        return options

    def typed_words(self) -> list[str]:
        """Return the words with the declarations that stand in no hole put into one."""
        words = list(self.words)
        for name, text in self.space.items():
            hole = f"{{{name}}}"
            place = next((i for i, word in enumerate(words) if hole in word), None)
            if place is not None:
                words[place] = words[place].replace(hole, f"{{{name}={text}}}", 1)
        return words

    def files(self) -> list[Path]:
        """Return the files named in the command that are there: scripts, configurations.

        An interpreter is not one of them: it is not what is tuned.
        """
        found: list[Path] = []
        is_interpreted = _INTERPRETERS.fullmatch(Path(self.words[0]).name) is not None
        for word in self.words[is_interpreted:]:
            path = self._file(word)
            if path is not None and path not in found:
                found.append(path)
        return found

    def identity(self) -> dict[str, Any]:
        """Return what tells the command from another one: not its ranges, not where it runs."""
        return {
            "words": self.template.bare(),
            "metrics": list(self.metrics),
            "regexes": list(self.regexes),
        }

    def to_ref(self, name: str = "") -> ObjectiveRef:
        """Return the reference that stands for it."""
        return ObjectiveRef("command", self.to_json(), "", name or self.info().name)

    def to_json(self) -> str:
        """Return it as JSON; what is as usual is left out."""
        usual = {each.name: each.default for each in fields(self)}
        data = {
            each.name: _plain(getattr(self, each.name))
            for each in fields(self)
            if getattr(self, each.name) != usual[each.name] and getattr(self, each.name) != {}
        }
        return json.dumps(data, ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> CommandSpec:
        """Read what `to_json` wrote.

        Raises:
            ObjectiveError: It is something else.
        """
        try:
            data: object = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ObjectiveError("The stored command cannot be read.") from error
        return cls.from_table(data, "The stored command")

    @classmethod
    def of(cls, ref: ObjectiveRef) -> CommandSpec:
        """Return the command that a reference stands for.

        Raises:
            ObjectiveError: It is not well formed.
        """
        return cls.from_json(ref.target)

    @classmethod
    def from_file(cls, path: Path, cwd: Path) -> CommandSpec:
        """Read `objectives/NAME.toml`.

        Args:
            path: The file.
            cwd: Where the command runs, unless the file says so.

        Raises:
            ObjectiveError: It cannot be read, or does not hold together.
        """
        return cls.from_table(table_of_file(path, cwd), safe_line(path.name))

    @classmethod
    def from_table(cls, data: object, where: str) -> CommandSpec:
        """Read a table with the names of the fields.

        Args:
            data: What a file or a study holds.
            where: What is being read, for the sentence; empty for what a person has typed.

        Raises:
            ObjectiveError: A key or a value is not one of a command.
        """
        if not isinstance(data, dict):
            raise ObjectiveError(f"{where} is not a table.", hint=FILE_FORM)
        table = cast("dict[str, Any]", data)
        known = {each.name for each in fields(cls)}
        for key in table:
            if key not in known:
                shown = sorted(SHOWN_KEYS.get(each, each) for each in known - {"file"})
                raise ObjectiveError(
                    told(where, f"{show(key)} is not known."), hint=f"Use {', '.join(shown)}."
                )
        values = {key: read_field(where, key, value) for key, value in table.items()}
        for needed in ("words", "metrics"):
            values.setdefault(needed, ())
        try:
            return cls(**values)
        except (ObjectiveError, SpaceError) as error:
            raise type(error)(told(where, error.message), hint=error.hint) from error

    def with_declared(self, space: Mapping[str, str]) -> CommandSpec:
        """Return it with declarations of `--space` and `--choices` for holes that have none."""
        return replace(self, space={**self.space, **space})

    def undeclared(self) -> set[str]:
        """Return the names that have a place in the command and no space there."""
        template = self.template
        return set(template.names) - set(template.declared) - template.flags - set(self.space)

    def problem(self) -> tuple[str, str]:
        """Return why the program cannot be started here, and what to do; empty if it may be."""
        first = self.template.parts[0]
        if not all(isinstance(part, str) for part in first):
            return "", ""
        name = "".join(map(str, first))
        where = self.env.get("PATH", os.environ.get("PATH", os.defpath))
        path = self._path(name)
        if "/" in name:
            if path.is_dir() or not path.exists():
                what = "is a folder" if path.is_dir() else "does not exist"
                return f"the program {safe_line(name)} {what}", "Check the path."
            if not os.access(path, os.X_OK):
                return (
                    f"{safe_line(name)} is not executable",
                    f"Name its interpreter, as in: python {safe_line(name)}",
                )
        elif shutil.which(name, path=where) is None:
            hint = "Check its name, or give its path."
            if path.is_file():
                hint = f"For the file here write ./{safe_line(name)}, or its interpreter before it."
            return f"there is no program {safe_line(name)}", hint
        script = self._script()
        if script is not None and not self._path(script).exists():
            return f"there is no file {safe_line(script)}", "Check the path."
        return "", ""

    def _script(self) -> str | None:
        """Return the file that an interpreter is given, if it is one: `train.py`."""
        if len(self.words) < 2 or not _INTERPRETERS.fullmatch(Path(self.words[0]).name):  # noqa: PLR2004
            return None
        word = self.words[1]
        is_plain = not word.startswith("-") and "{" not in word and "}" not in word
        return word if is_plain and Path(word).suffix else None

    def _path(self, word: str) -> Path:
        return Path(self.cwd or ".") / os.path.expanduser(word)  # noqa: PTH111

    def _file(self, word: str) -> Path | None:
        text = word.partition("=")[2] if word.startswith("-") else word
        if not text or "{" in text or "}" in text:
            return None
        try:
            path = Path(self.cwd or ".") / text
            return path if path.is_file() else None
        except (OSError, ValueError):
            return None


def _option(name: str, value: str) -> list[str]:
    # argparse takes what begins with a dash for an option.
    return [f"{name}={value}"] if value.startswith("-") and value != "-" else [name, value]


def _no_space(name: str) -> SpaceError:
    return SpaceError(
        f"The command does not say which values {show(name)} may have.",
        hint=f"Write {{{name}=1e-5..1e-1:log}}, or add --space {safe_line(name)}=LOW..HIGH or "
        f"--choices {safe_line(name)}=A|B. {SPACE_FORMS} Write a literal brace as {{{{.",
    )


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(cast("tuple[object, ...]", value))
    return dict(cast("Mapping[str, object]", value)) if isinstance(value, Mapping) else value

"""What a script says of the study that it makes for an objective: directions, and what else."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, cast

from hptui.domain.texts.text import safe_line
from hptui.registry.source.constants import Constants, Frame
from hptui.registry.source.own_code import OwnCode
from hptui.registry.source.syntax import called_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from hptui.domain.objective import Direction
    from hptui.registry.source.own_code import Definition, Module
    from hptui.registry.source.syntax import Function

_MAX_DEPTH: Final = 6
_MAX_FRAMES: Final = 20
_ARGUMENTS: Final = (
    "storage",
    "sampler",
    "pruner",
    "study_name",
    "direction",
    "load_if_exists",
    "directions",
)
"""What Optuna takes the arguments of `create_study` for that come without a keyword."""
_STARTERS: Final = ("typer.run", "fire.Fire")
"""Functions that call another one with what the command line says: its defaults."""
_STUDY_CLASSES: Final = ("optuna.Study", "optuna.study.Study", "optuna.study.study.Study")


@dataclass(frozen=True)
class MadeStudy:
    """A call that makes a study, or loads one."""

    module: Module
    call: ast.expr
    directions: tuple[Direction, ...] | None
    """None where only running the code tells."""
    is_loaded: bool = False

    @property
    def place(self) -> str:
        """Where it stands, for a person."""
        line = f"line {self.call.lineno}"
        return line if self.module.is_main else f"{self.module.path.name}, {line}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a script says of an objective's directions."""

    directions: tuple[Direction, ...] = ()
    """Empty where it says nothing."""
    doubt: str = ""
    """Why they cannot be told although a study is made; a sentence."""
    studies: tuple[MadeStudy, ...] = ()
    """Those that were made for the objective."""
    runs: tuple[ast.Call, ...] = ()
    """The calls that have them run it, all in the objective's own file."""


class Script:
    """The studies of an objective's file.

    Args:
        tree: The file.
        path: Where it stands.
        objectives: The names of its objectives.
    """

    def __init__(self, tree: ast.Module, path: Path, objectives: Collection[str]) -> None:
        self.code = OwnCode(tree, path)
        self.main = self.code.main
        self._constants = Constants(self.code)
        self._names = set(objectives)
        self._calls = [call for call in self.main.calls() if not self.main.is_inside(call)]
        self._frames_of: dict[Function, list[Frame]] = {}
        self._sites: dict[ast.AST, list[ast.Call]] = {}
        """A function of the file -> its calls."""
        for call in self._calls:
            for each in self._called(call):
                self._sites.setdefault(each, []).append(call)
        self._handed_on = set(self._passed())
        """The functions that others may call."""
        self._open_calls: list[MadeStudy] = []
        """Calls that gave a study which was not found in what they call."""

    def _called(self, call: ast.Call) -> list[Definition]:
        """Return the functions and classes of the file that a call may be of."""
        found = self.code.definitions(call.func, self.main)
        if found or not isinstance(call.func, ast.Attribute) or self.main.dotted(call.func):
            return [each for module, each in found if module is self.main]
        # The method of an object.
        named = self.main.definitions.get(call.func.attr, ())
        return [each for each in named if self.main.class_of[each] is not None]

    def _passed(self) -> Iterator[str]:
        """Yield what the file names otherwise than to call it, or to have it run as a program."""
        called: set[ast.AST] = {call.func for call in self.main.calls()}
        for call in self.main.calls():
            if self.main.dotted(call.func) in _STARTERS:
                called.update(call.args)
        for node in self.main.function_of:
            if isinstance(node, ast.Name | ast.Attribute) and node not in called:
                yield node.id if isinstance(node, ast.Name) else node.attr

    @property
    def calls(self) -> list[ast.Call]:
        """The calls of the file that stand in no objective."""
        return self._calls

    def made(self, node: ast.expr, study: MadeStudy) -> ast.expr | None:
        """Return what an argument of a study is made by: the value of a variable, or itself."""
        if not isinstance(node, ast.Name):
            return node
        frame = Frame(study.module, study.module.function_of.get(study.call))
        values = self._constants.assigned(node.id, frame)
        return values[-1] if len(values) == 1 else None

    def imported(self, objective: str) -> tuple[Module, str] | None:
        """Return the own module that an objective of the file is imported from, and its name."""
        if objective in self.main.definitions:
            return None
        return self.code.find(ast.Name(objective), self.main)

    def verdict(self, objective: str) -> Verdict:
        """Return what the file says of one of its objectives."""
        names = self._names | {objective}
        is_given = any(objective in self._asked(call) for call in self._calls)
        linked: dict[str, list[MadeStudy]] = {}
        runs: list[ast.Call] = []
        open_calls: list[MadeStudy] = []
        has_open_run = False
        for call in self._calls:
            asked = self._asked(call, inside=not is_given) & names
            if not asked:
                continue
            receiver = cast("ast.Attribute", call.func).value
            self._open_calls.clear()
            ways = [
                self._studies_of(receiver, frame, _MAX_DEPTH)
                for frame in self._frames(call, _MAX_DEPTH)
            ]
            for name in asked:
                linked.setdefault(name, []).extend(each for way in ways for each in way or ())
            if objective in asked:
                runs.append(call)
                has_open_run |= None in ways
                open_calls += self._open_calls
        found = linked.get(objective, [])
        if has_open_run or not found:
            others = {each.call for name in linked if name != objective for each in linked[name]}
            found += [each for each in self._all() if each.call not in others]
        return _judge(found or open_calls, tuple(runs))

    def _asked(self, call: ast.Call, *, inside: bool = False) -> set[str]:
        """Return the names in what `study.optimize` is given to run, or also inside of that."""
        if called_name(call) != "optimize" or not isinstance(call.func, ast.Attribute):
            return set()
        given = [*call.args[:1], *(each.value for each in call.keywords if each.arg == "func")]
        names = {name for each in given for name in _names_in(each)}
        for name in tuple(names):
            values: list[ast.AST] = [*self._constants.assigned(name, self._frame(call))]
            values += self.main.definitions.get(name, ()) if inside else ()
            names = names.union(*map(_names_in, values))
        return names

    def _all(self) -> list[MadeStudy]:
        """Return all studies that the file makes outside of its objectives."""
        made = [
            study
            for call in self._calls
            for frame in self._frames(call, _MAX_DEPTH)
            for study in self._made_by(call, frame, _MAX_DEPTH)
        ]
        return made + [MadeStudy(self.main, each, None) for each in self._makers_handed_on]

    @cached_property
    def _makers_handed_on(self) -> list[ast.expr]:
        """Where `create_study` is named to be called elsewhere: `partial(create_study)`."""
        called = {call.func for call in self.main.calls()}
        return [
            node
            for node in self.main.function_of
            if isinstance(node, ast.Name | ast.Attribute)
            and node not in called
            and self.main.dotted(node).rpartition(".")[2] == "create_study"
            and not self.main.is_inside(node)
        ]

    def _frame(self, node: ast.AST) -> Frame:
        return Frame(self.main, self.main.function_of.get(node))

    def _frames(self, node: ast.AST, depth: int) -> list[Frame]:
        """Return the frame around a node for each call of the function that it stands in."""
        function = self.main.function_of.get(node)
        if function is None or depth <= 0:
            return [self._frame(node)]
        if function not in self._frames_of:
            # A function that calls itself has no other frames from that.
            self._frames_of[function] = [self._frame(node)]
            self._frames_of[function] = [
                self._constants.bound(call, function, frame, self.main)
                for call in self._sites.get(function, ())
                for frame in self._frames(call, depth - 1)
            ][:_MAX_FRAMES]
            if not self._frames_of[function] or function.name in self._handed_on:
                self._frames_of[function].append(self._uncalled(function))
        return self._frames_of[function]

    def _uncalled(self, function: Function) -> Frame:
        """Return the frame of a function that the file does not call."""
        if function.name in self._handed_on:
            return Frame(self.main, function)
        return self._constants.uncalled(function, self.main)

    def _studies_of(self, node: ast.expr, frame: Frame, depth: int) -> list[MadeStudy] | None:
        """Return the studies that an expression may stand for; None where that is open."""
        if depth <= 0:
            return None
        values: list[ast.expr] = []
        match node:
            case ast.Call():
                made = list(self._made_by(node, frame, depth))
                return made or self._made_elsewhere(node, frame)
            case ast.IfExp(body=body, orelse=orelse):
                values = [body, orelse]
            case ast.Name(id=name):
                values = self._constants.assigned(name, frame)
                if not values:
                    return self._imported(node, frame, depth)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=attribute):
                values = _set_attributes(frame.module, attribute)
            case _:
                return self._imported(node, frame, depth)
        found: list[MadeStudy] = []
        for value in values:
            inside = Frame(frame.module, frame.module.function_of.get(value))
            place = frame if inside.function is frame.function else inside
            found += self._studies_of(value, place, depth - 1) or ()
        return found or None

    def _imported(self, node: ast.expr, frame: Frame, depth: int) -> list[MadeStudy] | None:
        """Return the studies of a variable in another own module."""
        found = self.code.find(node, frame.module)
        if found is None:
            return None
        return self._studies_of(ast.Name(found[1]), Frame(found[0]), depth - 1)

    def _made_elsewhere(self, call: ast.Call, frame: Frame) -> list[MadeStudy] | None:
        """Return the study that a function of others makes, of which nothing is known."""
        study = MadeStudy(frame.module, call, None)
        is_own = bool(self.code.definitions(call.func, frame.module))
        if frame.module.dotted(call.func) and not is_own:
            return [study]
        self._open_calls.append(study)
        return None

    def _made_by(self, call: ast.Call, frame: Frame, depth: int) -> Iterator[MadeStudy]:
        """Yield the studies that a call makes, itself or in own functions."""
        own = self.code.definitions(call.func, frame.module)
        if not own:
            study = self._maker(call, frame)
            if study is not None:
                yield study
            return
        if depth <= 0:
            return
        for module, definition in own:
            if definition in module.inside:
                continue
            inside = self._constants.bound(call, definition, frame, module)
            yield from self._made_in(module, definition, inside, depth - 1)
            if isinstance(definition, ast.ClassDef):
                yield from self._made_by_bases(module, definition, depth - 1)

    def _made_by_bases(
        self, module: Module, definition: ast.ClassDef, depth: int
    ) -> Iterator[MadeStudy]:
        for base in definition.bases:
            for user, owner in self.code.definitions(base, module):
                if depth > 0 and isinstance(owner, ast.ClassDef):
                    yield from self._made_in(user, owner, Frame(user), depth)
                    yield from self._made_by_bases(user, owner, depth - 1)

    def _made_in(
        self, module: Module, definition: Definition, frame: Frame, depth: int
    ) -> Iterator[MadeStudy]:
        for node in ast.walk(definition):
            if isinstance(node, ast.Call) and not module.is_inside(node):
                function = module.function_of.get(node)
                places = [frame]
                if function is not frame.function:
                    is_main = module is self.main
                    places = self._frames(node, depth) if is_main else [Frame(module, function)]
                for place in places:
                    yield from self._made_by(node, place, depth)

    def _maker(self, call: ast.Call, frame: Frame) -> MadeStudy | None:
        name, dotted = called_name(call), frame.module.dotted(call.func)
        is_loaded = name == "load_study" or dotted in _STUDY_CLASSES
        if is_loaded:
            return MadeStudy(frame.module, call, None, is_loaded=True)
        last = dotted.rpartition(".")[2] or name
        if last != "create_study":
            return None
        if dotted and dotted.partition(".")[0] != "optuna":
            return MadeStudy(frame.module, call, None)
        return MadeStudy(frame.module, call, self._directions(call, frame))

    def _directions(self, call: ast.Call, frame: Frame) -> tuple[Direction, ...] | None:
        """Return the directions that a `create_study` is given."""
        given: dict[object, object] = {}
        is_open = any(isinstance(each, ast.Starred) for each in call.args)
        for name, argument in zip(_ARGUMENTS, () if is_open else call.args, strict=False):
            given[name] = self._constants.value(argument, frame)
        for keyword in call.keywords:
            value = self._constants.value(keyword.value, frame)
            if keyword.arg is not None:
                given[keyword.arg] = value
            elif isinstance(value, dict):
                given |= cast("dict[object, object]", value)
            else:
                is_open = True
        one, several = given.get("direction"), given.get("directions")
        if one is None and several is None:
            return None if is_open else ("minimize",)
        words: object = [one] if several is None else several
        if not isinstance(words, list) or not words:
            return None
        known = [each for each in cast("list[object]", words) if each in ("minimize", "maximize")]
        is_whole = len(known) == len(cast("list[object]", words))
        return tuple(cast("list[Direction]", known)) if is_whole else None


def _judge(studies: list[MadeStudy], runs: tuple[ast.Call, ...]) -> Verdict:
    created = [each for each in studies if not each.is_loaded]
    told: dict[tuple[Direction, ...], MadeStudy] = {}
    for each in created:
        if each.directions is not None:
            told.setdefault(each.directions, each)
    untold = next((each for each in created if each.directions is None), None)
    found = tuple(dict.fromkeys(studies))
    if len(told) > 1:
        ways = [
            f"{', '.join(directions)} ({told[directions].place})"
            for directions in sorted(told, key=lambda each: told[each].call.lineno)
        ]
        doubt = f"makes studies in different directions: {'; '.join(ways)}"
    elif untold is not None:
        doubt = f"makes a study whose direction only running it tells ({untold.place})"
    elif told:
        return Verdict(next(iter(told)), studies=found, runs=runs)
    elif studies:
        doubt = f"loads a study, whose direction only its storage tells ({studies[0].place})"
    else:
        return Verdict(runs=runs)
    return Verdict(doubt=safe_line(doubt, max_chars=300), studies=found, runs=runs)


def _names_in(node: ast.AST) -> set[str]:
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return names | {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}


def _set_attributes(module: Module, attribute: str) -> list[ast.expr]:
    """Return all that `self.attribute` is set to in a module."""
    return [
        node.value
        for node in module.function_of
        if isinstance(node, ast.Assign)
        and any(isinstance(each, ast.Attribute) and each.attr == attribute for each in node.targets)
    ]

"""What the source of an objective says about it, read without running any of it."""

from __future__ import annotations

import ast
import stat
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from hptui.domain.objective import ObjectiveInfo
from hptui.domain.texts.text import safe_line
from hptui.errors import ObjectiveError
from hptui.registry.scripts.script_settings import settings_of
from hptui.registry.source.argument_source import ArgumentSource
from hptui.registry.source.declaration import Names, declared_info, decorator_of
from hptui.registry.source.guarded_names import guarded_problem
from hptui.registry.source.near_misses import defined_at_top, near_miss
from hptui.registry.source.studies_made import Script
from hptui.registry.source.syntax import (
    Function,
    bound_partially,
    call_problem,
    called_name,
    is_called_with_trial,
    is_given_trial,
    kind_of_method,
    method,
    n_values,
    names_optimized,
    other_arguments,
    returns_something,
    summary_of,
    takes_trial,
    top_level,
    without_first,
)

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from hptui.registry.source.near_misses import NearMiss

MAX_SOURCE_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something in a source file that looks like an objective."""

    attribute: str
    info: ObjectiveInfo
    line: int
    decorated: bool = False
    problem: str = ""
    """Why it cannot be run as it stands; empty when nothing is known against it."""
    hint: str = ""
    """What to do about the problem."""


def read_source(path: Path) -> bytes:
    """Return the bytes of a source file.

    Raises:
        ObjectiveError: It is not there, not a regular file, unreadable, or larger than
            `MAX_SOURCE_BYTES`.
    """
    try:
        about = path.stat()
        # A named pipe would wait for a writer for ever.
        if not stat.S_ISREG(about.st_mode):
            raise ObjectiveError(f"{safe_line(path)} is not a file.")
        if about.st_size > MAX_SOURCE_BYTES:
            raise ObjectiveError(
                f"{safe_line(path)} has {about.st_size:,} bytes, too many for a source file."
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ObjectiveError(f"{safe_line(path)} cannot be read: {safe_line(reason)}.") from error


def candidates_in(source: bytes, path: Path) -> list[Candidate]:
    """Return what looks like an objective in `source`, in the order of its lines.

    These count: a function or class under hptui's decorator; whatever is called `objective`, or
    has a name at the top level and is given to `optimize`; public functions, lambdas and partials
    whose first parameter is `trial` (or annotated as a Trial, or used like one), that return
    something and are not called by another function that takes a trial; a class with
    `__call__(self, trial)` that needs no arguments, or else the top-level instances of it. Where
    there is none of these, the methods that can be called with a trial.

    Raises:
        ObjectiveError: `source` is not Python, with the line in the message.
    """
    with _reading(source, path) as reader:
        return reader.candidates()


def candidate_in(source: bytes, path: Path, attribute: str) -> Candidate:
    """Return what `source` says of one attribute, whether it looks like an objective or not.

    Raises:
        ObjectiveError: `source` is not Python, with the line in the message.
    """
    return main_or_other_in(source, path, attribute)[0]


def main_or_other_in(source: bytes, path: Path, attribute: str) -> tuple[Candidate, bool]:
    """Return what `candidate_in` does, and whether it is what `choose` takes of the file's.

    Raises:
        ObjectiveError: `source` is not Python, with the line in the message.
    """
    with _reading(source, path) as reader:
        return reader.candidate(attribute)


def near_miss_in(source: bytes, path: Path, shown: str) -> NearMiss | None:
    """Return what a person may mean by a file that no objective is found in.

    Args:
        source: The file.
        path: Where it stands.
        shown: What a person writes for it.

    Raises:
        ObjectiveError: `source` is not Python, with the line in the message.
    """
    with _reading(source, path) as reader:
        return reader.near_miss(shown)


@contextmanager
def _reading(source: bytes, path: Path) -> Generator[_Reader]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        yield _Reader(tree, path, has_runs=b".optimize(" in source)
    except SyntaxError as error:
        where = f"{safe_line(path.name)}, line {error.lineno or 1}"
        raise ObjectiveError(f"{where}: {safe_line(error.msg)}.") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ObjectiveError(f"{safe_line(path.name)} cannot be read as Python.") from error


def choose(candidates: list[Candidate]) -> Candidate | None:
    """Return the one that a file's name alone stands for: `objective`, or the only one."""
    for each in candidates:
        if each.attribute == "objective":
            return each
    return candidates[0] if len(candidates) == 1 else None


def plain_name(attribute: str) -> str:
    """Return how an attribute or a file's stem is called: with dashes."""
    return attribute.replace("_", "-")


class _Reader:
    """Reads the top level of one module."""

    def __init__(self, tree: ast.Module, path: Path, *, has_runs: bool) -> None:
        self._tree = tree
        self._path = path
        self._has_runs = has_runs
        """Whether the file may run a study by itself."""
        self._statements = list(top_level(tree.body))
        self._names = Names(self._statements)
        self._found: dict[str, Candidate] = {}
        self._classes: dict[str, ast.ClassDef] = {}
        self._listed: set[str] = set()
        self._made_of: dict[str, str] = {}
        """A top-level variable -> the class whose instance it holds."""
        self._lambdas: dict[str, ast.Lambda] = {}
        self._partials: dict[str, ast.arguments] = {}
        """A top-level `functools.partial` -> the parameters that it leaves."""
        self._arguments = ArgumentSource(tree, self._classes)

    def candidates(self) -> list[Candidate]:
        return [self._completed(each) for each in self._recognized()]

    def candidate(self, attribute: str) -> tuple[Candidate, bool]:
        """Return what is known of one attribute, and whether the file's name stands for it."""
        recognized = self._recognized()
        for each in recognized:
            if each.attribute == attribute:
                return self._completed(each), each is choose(recognized)
        return self._unlisted(attribute), False

    def _completed(self, found: Candidate) -> Candidate:
        return self.with_study(self._with_names(self._with_arguments(found)))

    def _recognized(self) -> list[Candidate]:
        """Return what looks like an objective, by itself, in the order of its lines."""
        for statement in self._statements:
            self._visit(statement)
        self._add_classes()
        self._add_optimized()
        helpers = self._helpers()
        kept = [
            each
            for each in self._found.values()
            if each.decorated
            or each.attribute == "objective"
            or not (each.attribute.startswith("_") or each.attribute in helpers)
        ]
        if not kept and not self._has_unfit():
            kept = self._methods()
        self._listed = {each.attribute for each in kept}
        return sorted(kept, key=lambda each: each.line)

    def _unlisted(self, attribute: str) -> Candidate:
        """Return what is known of an attribute that does not look like an objective."""
        owner, _, name = attribute.rpartition(".")
        found = self._method(owner, name) if owner else None
        if found is None:
            found = self._at_top(attribute)
        return self._completed(found)

    def _at_top(self, attribute: str) -> Candidate:
        node = defined_at_top(self._tree, attribute)
        is_plain = node is not None and not node.decorator_list
        # It may still be there without that: made by a call, or imported from elsewhere.
        problem, hint = call_problem(node) if node is not None and is_plain else ("", "")
        info = ObjectiveInfo(plain_name(attribute))
        return Candidate(attribute, info, 0, problem=problem, hint=hint)

    def _has_unfit(self) -> bool:
        """Say whether something at the top level takes a trial, though not a trial alone."""
        return bool(self._classes) or any(
            isinstance(each, ast.FunctionDef) and is_given_trial(each) for each in self._statements
        )

    def _methods(self) -> list[Candidate]:
        """Return the methods that take a trial, of classes that need nothing else to be made."""
        found: list[Candidate] = []
        for statement in self._statements:
            if isinstance(statement, ast.ClassDef) and not statement.name.startswith("_"):
                for each in statement.body:
                    if isinstance(each, ast.FunctionDef) and returns_something(each):
                        candidate = self._method(statement.name, each.name)
                        found += [candidate] if candidate and self._is_for_trials(each) else []
        return found

    def _is_for_trials(self, function: ast.FunctionDef) -> bool:
        if kind_of_method(function) == "staticmethod" or takes_trial(function.args):
            return is_given_trial(function)
        return function.name == "objective" and bool(without_first(function.args).args)

    def _method(self, owner: str, name: str) -> Candidate | None:
        """Return what is known of a method of a class at the top level; None where there is none.

        An instance is made for a plain method, so that it takes what its class takes, too.
        """
        node = defined_at_top(self._tree, owner)
        found = method(node, name, self._classes) if isinstance(node, ast.ClassDef) else None
        if not isinstance(node, ast.ClassDef) or found is None:
            return None
        # Some write functions into a class without @staticmethod.
        kind = "staticmethod" if takes_trial(found.args) else kind_of_method(found)
        arguments = found.args if kind == "staticmethod" else without_first(found.args)
        plain = ast.FunctionDef(name, arguments, found.body, [], lineno=found.lineno)
        problem, hint = call_problem(found if isinstance(found, ast.AsyncFunctionDef) else plain)
        taken, takes_any = self._arguments.of_function(arguments)
        if not kind:
            of_class, is_open = self._arguments.of_class(node)
            names = {each.name for each in of_class}
            taken = (*of_class, *(each for each in taken if each.name not in names))
            takes_any = takes_any or is_open
        info = ObjectiveInfo(
            plain_name(name), summary_of(found), n_values=n_values(found), arguments=taken
        )
        info = replace(info, takes_any=takes_any)
        return Candidate(f"{owner}.{name}", info, found.lineno, problem=problem, hint=hint)

    def _with_arguments(self, found: Candidate) -> Candidate:
        """Let an objective say what it takes besides the trial."""
        name = found.attribute
        if "." in name and found.line:
            return found
        node = self._lambdas.get(name) or defined_at_top(self._tree, name)
        taken, takes_any = (), True
        if name in self._partials:
            taken, takes_any = self._arguments.of_function(self._partials[name])
        elif isinstance(node, ast.ClassDef):
            taken, takes_any = self._arguments.of_class(node)
        elif node is not None:
            taken, takes_any = self._arguments.of_function(node.args)
        decorators = getattr(node, "decorator_list", [])
        if not isinstance(node, ast.ClassDef) and len(decorators) > int(found.decorated):
            # Another decorator may pass what is missing, or take something else.
            taken = tuple(replace(each, default=each.default or "") for each in taken)
            takes_any = True
        return replace(found, info=replace(found.info, arguments=taken, takes_any=takes_any))

    def near_miss(self, shown: str) -> NearMiss | None:
        return near_miss(self._tree, self._path, shown)

    def _with_names(self, found: Candidate) -> Candidate:
        """Let an objective that uses a name which is never set say so."""
        name = self._made_of.get(found.attribute, found.attribute)
        node = self._lambdas.get(name) or defined_at_top(self._tree, name)
        if found.problem or node is None:
            return found
        problem, hint = guarded_problem(self._tree, node)
        return replace(found, problem=problem, hint=hint)

    def with_study(self, found: Candidate) -> Candidate:
        """Let the file's own studies say which way is better, and what they set besides."""
        if found.decorated and not self._has_runs:
            return found
        name = found.attribute.rpartition(".")[2]
        script, verdict = self._script, self._script.verdict(name)
        origin = script.imported(name)
        if origin is not None and not verdict.studies:
            module, name = origin
            script = Script(module.tree, module.path, {name})
            verdict = script.verdict(name)
        settings = settings_of(script, verdict)
        if found.decorated:
            # The decorator says what to take.
            declared = ("--sampler", "--pruner")
            settings = tuple(each for each in settings if each.option not in declared)
            return replace(found, info=replace(found.info, settings=settings))
        directions = verdict.directions or found.info.directions
        info = replace(found.info, directions=directions, doubt=verdict.doubt, settings=settings)
        return replace(found, info=info)

    @cached_property
    def _script(self) -> Script:
        return Script(self._tree, self._path, self._listed)

    def _helpers(self) -> set[str]:
        """Return the names of functions that a function or class around a trial calls."""
        called: set[str] = set()
        for statement in self._statements:
            match statement:
                case ast.FunctionDef(name=owner) if is_given_trial(statement):
                    called |= _called_in(statement) - {owner}
                case ast.ClassDef(name=owner) if owner in self._classes:
                    called |= _called_in(statement)
                case _:
                    pass
        return called

    def _visit(self, statement: ast.stmt) -> None:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._visit_function(statement)
            case ast.ClassDef() if is_called_with_trial(statement, self._classes):
                self._classes[statement.name] = statement
                self._visit_decorated(statement)
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                self._visit_assignment(name, value)
            case ast.ImportFrom(names=imported):
                bound = {alias.asname or alias.name for alias in imported}
                is_ours = self._names.meaning(ast.Name("objective")) == "objective"
                if "objective" in bound and not is_ours:
                    self._add("objective", statement)
            case _:
                pass

    def _visit_function(self, function: Function) -> None:
        if self._visit_decorated(function):
            return
        is_objective = (
            isinstance(function, ast.FunctionDef)
            and is_given_trial(function)
            and not other_arguments(function.args)
            and returns_something(function)
        )
        if is_objective or function.name == "objective":
            # Another decorator may pass what is missing.
            is_plain = not function.decorator_list
            self._add(function.name, function, call_problem(function) if is_plain else ("", ""))

    def _visit_decorated(self, node: Function | ast.ClassDef) -> bool:
        decorator = decorator_of(node, self._names)
        if decorator is None:
            return False
        info, problem = declared_info(node, decorator, self._names)
        info = info or ObjectiveInfo(plain_name(node.name), summary_of(node))
        is_plain = len(node.decorator_list) == 1
        reason, hint = call_problem(node) if is_plain and not problem else ("", "")
        self._found[node.name] = Candidate(
            node.name,
            replace(info, n_values=n_values(node) if is_plain else None),
            node.lineno,
            decorated=True,
            problem=problem or reason,
            hint=hint,
        )
        return True

    def _visit_assignment(self, name: str, value: ast.expr) -> None:
        self._found.pop(name, None)
        self._lambdas.pop(name, None)
        self._partials.pop(name, None)
        match value:
            case ast.Call(func=ast.Name(id=called)) if called in self._classes:
                self._made_of[name] = called
                self._add(name, self._classes[called], line=value.lineno)
            case ast.Lambda() if name == "objective" or is_given_trial(value):
                self._lambdas[name] = value
                self._add(name, value)
            case ast.Call(args=[ast.Name(id=called), *_]) if called_name(value) == "partial":
                self._visit_partial(name, value, called)
            case ast.Constant():
                pass
            case _ if name == "objective":
                self._add(name, value)
            case _:
                pass

    def _visit_partial(self, name: str, call: ast.Call, called: str) -> None:
        function = defined_at_top(self._tree, called)
        if not isinstance(function, ast.FunctionDef):
            if name == "objective":
                self._add(name, call)
            return
        left = bound_partially(call, function.args)
        if name == "objective" or is_given_trial(ast.FunctionDef(called, left, function.body, [])):
            self._partials[name] = left
            self._add(name, function, line=call.lineno)

    def _add_optimized(self) -> None:
        """Add what a study of the file is given to run by a name of the top level."""
        for each in names_optimized(self._tree) if self._has_runs else ():
            if not isinstance(each, ast.Name) or each.id in self._found:
                continue
            node = defined_at_top(self._tree, each.id)
            if isinstance(node, ast.FunctionDef) and not call_problem(node)[0]:
                self._add(each.id, node)

    def _add_classes(self) -> None:
        with_instance = set(self._made_of.values())
        for name, node in self._classes.items():
            is_needy = self._arguments.needs_any(node)
            if name not in self._found and name not in with_instance and not is_needy:
                self._add(name, node)

    def _add(
        self,
        attribute: str,
        node: ast.stmt | ast.expr,
        problem: tuple[str, str] = ("", ""),
        *,
        line: int | None = None,
    ) -> None:
        is_plain = not getattr(node, "decorator_list", ())
        info = ObjectiveInfo(
            plain_name(attribute), summary_of(node), n_values=n_values(node) if is_plain else None
        )
        text, hint = problem
        self._found[attribute] = Candidate(
            attribute, info, line or node.lineno, problem=text, hint=hint
        )


def _called_in(statement: ast.stmt) -> set[str]:
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
    return {call.func.id for call in calls if isinstance(call.func, ast.Name)}

"""Questions about the syntax of an objective: what runs on import, what a function takes."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from hptui.domain.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hptui.domain.objective import Direction

Function = ast.FunctionDef | ast.AsyncFunctionDef


def top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run on import, those inside `if`, `try` and `with` included.

    What stands under `if __name__ == "__main__":` does not.
    """
    for statement in body:
        yield statement
        match statement:
            case ast.If(test=test) if not _is_main_guard(test):
                yield from top_level(statement.body)
                yield from top_level(statement.orelse)
            case ast.Try():
                yield from top_level(statement.body)
                for handler in statement.handlers:
                    yield from top_level(handler.body)
                yield from top_level(statement.orelse + statement.finalbody)
            case ast.With():
                yield from top_level(statement.body)
            case _:
                pass


def _is_main_guard(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test))


def called_name(call: ast.Call) -> str:
    """Return the last name of what is called: `create_study` of `optuna.create_study()`."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def takes_trial(arguments: ast.arguments) -> bool:
    """Say whether the first parameter is named `trial` or annotated as a Trial."""
    names = _positional(arguments)
    if not names:
        return False
    annotation = ast.unparse(names[0].annotation).strip("'\"") if names[0].annotation else ""
    return names[0].arg == "trial" or annotation.split(".")[-1] == "Trial"


def other_arguments(arguments: ast.arguments) -> list[str]:
    """Return the names that a call must give besides the first one."""
    names = _positional(arguments)
    needed = names[1 : len(names) - len(arguments.defaults)]
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return [each.arg for each in needed] + [each.arg for each, value in pairs if value is None]


def _positional(arguments: ast.arguments) -> list[ast.arg]:
    return [*arguments.posonlyargs, *arguments.args]


def call_problem(node: Function | ast.ClassDef) -> str:
    """Say why a function cannot be called with a trial alone, or a class without arguments."""
    where = f"line {node.lineno}: {node.name}"
    if isinstance(node, ast.ClassDef):
        init = method(node, "__init__", {})
        needed = other_arguments(init.args) if init is not None else []
        return f"{where} needs arguments: {safe_line(', '.join(needed))}" if needed else ""
    if isinstance(node, ast.AsyncFunctionDef):
        return f"{where} is async, but an objective must be a plain function"
    if not _positional(node.args) and not node.args.vararg:
        return f"{where} takes no trial"
    needed = other_arguments(node.args)
    return f"{where} needs more than a trial: {safe_line(', '.join(needed))}" if needed else ""


def returns_something(function: ast.FunctionDef) -> bool:
    """Say whether there is a `return` with a value anywhere in the function."""
    return any(isinstance(each, ast.Return) and each.value for each in ast.walk(function))


def method(node: ast.ClassDef, name: str, known: Mapping[str, ast.ClassDef]) -> Function | None:
    """Return a method of a class, or of those of its bases that are `known`."""
    for statement in node.body:
        if isinstance(statement, Function) and statement.name == name:
            return statement
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in known:
            # Without the rest of `known`, so that a circle of bases ends.
            found = method(known[base.id], name, {})
            if found is not None:
                return found
    return None


def is_called_with_trial(node: ast.ClassDef, known: Mapping[str, ast.ClassDef]) -> bool:
    """Say whether the class has a `__call__(self, trial)`."""
    call = method(node, "__call__", known)
    if call is None or len(_positional(call.args)) < 2:  # noqa: PLR2004 - self and trial
        return False
    without_self = ast.arguments(
        posonlyargs=[],
        args=_positional(call.args)[1:],
        kwonlyargs=call.args.kwonlyargs,
        kw_defaults=call.args.kw_defaults,
        defaults=call.args.defaults,
    )
    return takes_trial(without_self) and not other_arguments(without_self)


def summary_of(node: ast.AST) -> str:
    """Return the first line of the docstring of a function or class."""
    if not isinstance(node, Function | ast.ClassDef):
        return ""
    lines = (ast.get_docstring(node) or "").strip().splitlines()
    return lines[0] if lines else ""


def study_directions(tree: ast.Module) -> tuple[Direction, ...]:
    """Return the directions of the file's own `create_study`, when they are literal and agree."""
    found = {
        _directions_of(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called_name(node) == "create_study"
    }
    return found.pop() if len(found) == 1 else ()


def optimised_names(tree: ast.Module) -> set[str]:
    """Return the names that the file gives to `study.optimize`, directly or in a lambda."""
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called_name(node) == "optimize" and node.args
    ]
    names: set[str] = set()
    for call in calls:
        names |= {node.id for node in ast.walk(call.args[0]) if isinstance(node, ast.Name)}
    return names


def _directions_of(call: ast.Call) -> tuple[Direction, ...]:
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    nodes: list[ast.expr] = []
    if "direction" in named:
        nodes = [named["direction"]]
    elif isinstance(listed := named.get("directions"), ast.List | ast.Tuple):
        nodes = list(listed.elts)
    words: list[Direction] = []
    for node in nodes:
        match node:
            case ast.Constant(value="minimize"):
                words.append("minimize")
            case ast.Constant(value="maximize"):
                words.append("maximize")
            case _:
                return ()
    return tuple(words)

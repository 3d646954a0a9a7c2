"""Names that an objective uses and that only `if __name__ == "__main__":` sets."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

from hptui.domain.texts.text import safe_line
from hptui.registry.source.syntax import Function, bound_by, method

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def guarded_problem(tree: ast.Module, node: ast.AST) -> tuple[str, str]:
    """Say which name of an objective is missing when its file is imported, not run.

    Only what each trial is sure to use counts: no branch, nothing that a `try` may catch.

    Args:
        tree: The objective's file.
        node: The objective: a function, lambda or class at the top level of the file.

    Returns:
        What is wrong, and what to do about it; both empty where nothing is known.
    """
    guarded = set(_bound(each for guard in _guards(tree.body) for each in guard.body))
    if not guarded:
        return "", ""
    bound = set(_bound(tree.body))
    missing = guarded - bound - set(dir(builtins))
    if not missing or "*" in bound:
        return "", ""
    functions = {each.name: each for each in tree.body if isinstance(each, Function)}
    for function in _with_called(node, functions):
        own = _own_names(function)
        for used in _uses(function):
            if used.id in missing - own:
                owner = node if function in ast.iter_child_nodes(node) else function
                who = getattr(owner, "name", "the lambda")
                return (
                    f"line {used.lineno}: {safe_line(who)} uses `{safe_line(used.id)}`, which is "
                    'set only under `if __name__ == "__main__":`',
                    f"Set {safe_line(used.id)} at the top level of the file.",
                )
    return "", ""


def is_guard(statement: ast.stmt) -> bool:
    """Say whether this is `if __name__ == "__main__":`."""
    match statement:
        case ast.If(
            test=ast.Compare(
                left=ast.Name(id="__name__"),
                ops=[ast.Eq()],
                comparators=[ast.Constant(value="__main__")],
            )
        ):
            return True
        case _:
            return False


def _guards(body: list[ast.stmt]) -> list[ast.If]:
    return [each for each in body if isinstance(each, ast.If) and is_guard(each)]


def _bound(body: Iterable[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements bind when they run outside of the guard; `*` for all."""
    todo: list[ast.AST] = list(body)
    while todo:
        node = todo.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
                # A function may set variables of the module.
                yield from (
                    each
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Global)
                    for each in inner.names
                )
            case ast.ClassDef(name=name):
                yield name
            case ast.If() if is_guard(node):
                todo += node.orelse
            case ast.Lambda():
                pass
            case _:
                yield from _bound_by(node)
                todo += ast.iter_child_nodes(node)


def _bound_by(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.arg(arg=name):
            yield name
        case ast.Call(func=ast.Name(id="globals" | "exec" | "setattr")):
            yield "*"
        case _:
            yield from bound_by(node)


def _own_names(function: ast.AST) -> set[str]:
    inner = [each for each in ast.walk(function) if each is not function]
    own = {name for each in inner for name in _bound_by(each)}
    return own | {name for each in inner if isinstance(each, ast.Global) for name in each.names}


def _with_called(node: ast.AST, functions: dict[str, Function]) -> Iterator[ast.AST]:
    """Yield the functions that a trial runs, and those of the file that these call."""
    first: list[ast.AST] = [node]
    if isinstance(node, ast.ClassDef):
        methods = (method(node, name, {}) for name in ("__init__", "__call__"))
        first = [each for each in methods if each is not None]
    yield from first
    for each in first:
        own = _own_names(each)
        called = [name.id for name in _uses(each, called=True) if name.id not in own]
        yield from (functions[name] for name in called if name in functions)


def _uses(function: ast.AST, *, called: bool = False) -> Iterator[ast.Name]:
    """Yield the names that a call of a function is sure to load, or to call."""
    if isinstance(function, ast.Lambda):
        todo: list[ast.AST] = [function.body]
    elif isinstance(function, Function):
        todo = list(reversed(function.body))
    else:
        return
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and not called:
            yield node
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and called:
            yield node.func
        todo += reversed(list(_sure_parts(node)))


def _sure_parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a node that run whenever it does."""
    match node:
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield test
        case ast.For(iter=part) | ast.Match(subject=part):
            yield part
        case ast.BoolOp(values=[part, *_]) | ast.Compare(left=part):
            yield part
            yield from node.comparators[:1] if isinstance(node, ast.Compare) else ()
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            yield node.generators[0].iter
        case ast.Try(finalbody=body):
            yield from body
        case ast.Lambda() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            pass
        case ast.With(items=items):
            # It may keep an error from leaving its body.
            yield from items
        case ast.AnnAssign(value=value):
            # The annotation of a local variable is not evaluated.
            yield from () if value is None else (value,)
        case _:
            yield from ast.iter_child_nodes(node)

"""What statements set: variables, their items, and attributes of objects."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.registry.own_code import Module

_CHANGING: Final = frozenset(
    {"append", "clear", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update"}
)
"""The methods of lists and dicts that change these."""


def value_for(node: ast.AST, name: str) -> ast.expr | None:
    """Return what a statement assigns to exactly this variable."""
    match node:
        case ast.Assign(targets=targets, value=value):
            named = [each.id for each in targets if isinstance(each, ast.Name)]
            return value if name in named else None
        case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value):
            return value if found == name else None
        case _:
            return None


def changed_in(statement: ast.stmt) -> Iterator[str]:
    """Yield the variables that a statement sets, or changes the items of."""
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.Subscript(ctx=ast.Store() | ast.Del()):
                inner: ast.expr = node
                while isinstance(inner, ast.Subscript):
                    inner = inner.value
                if isinstance(inner, ast.Name):
                    yield inner.id
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)):
                if attr in _CHANGING:
                    yield name
            case _:
                pass


def stores_of(module: Module, owner: ast.ClassDef | None, name: str) -> list[ast.AST]:
    """Return where an attribute of this name is set, other classes' own ones left out."""
    return [
        node
        for node, around in module.class_of.items()
        if isinstance(node, ast.Attribute)
        and node.attr == name
        and isinstance(node.ctx, ast.Store | ast.Del)
        and (around is owner or not _is_self(node.value))
    ]


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def value_for_attribute(statement: ast.stmt, name: str) -> ast.expr | None:
    """Return what a statement sets `self.name` to."""
    match statement:
        case ast.Assign(targets=[ast.Attribute(value=of, attr=attr)], value=value):
            return value if attr == name and _is_self(of) else None
        case ast.AnnAssign(target=ast.Attribute(value=of, attr=attr), value=ast.expr() as value):
            return value if attr == name and _is_self(of) else None
        case _:
            return None


def given_items(statement: ast.stmt, name: str) -> ast.Dict | None:
    """Return what a statement puts into this dict; None where it does something else with it."""
    match statement:
        case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=of), slice=key)], value=value):
            return ast.Dict([key], [value]) if of == name else None
        case ast.Expr(ast.Call(func=ast.Attribute(ast.Name(id=of), "update")) as call):
            keys: list[ast.expr | None] = [None for _ in call.args]
            keys += [ast.Constant(each.arg) if each.arg else None for each in call.keywords]
            values = [*call.args, *(each.value for each in call.keywords)]
            return ast.Dict(keys, values) if of == name else None
        case _:
            return None


def only_round(loop: ast.For) -> list[ast.stmt] | None:
    """Return what a loop over a list of one runs; None where it is another loop."""
    if not isinstance(loop.iter, ast.List | ast.Tuple) or len(loop.iter.elts) != 1:
        return None
    if any(isinstance(each, ast.Break | ast.Continue) for each in ast.walk(loop)):
        return None
    first = ast.copy_location(ast.Assign([loop.target], loop.iter.elts[0]), loop)
    return [first, *loop.body, *loop.orelse]

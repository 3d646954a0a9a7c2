"""What statements set: variables, their items, and attributes of objects."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hptui.registry.source.syntax import bound_by

if TYPE_CHECKING:
    from hptui.registry.source.own_code import Module

_CHANGING: Final = frozenset(
    {"append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault"}
    | {"sort", "update"}
)
"""The methods of lists and dicts that change these."""


def value_for(node: ast.AST, name: str) -> ast.expr | None:
    """Return what a statement assigns to exactly this variable."""
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            pairs = zip(targets, values, strict=False)
            is_plain = all(isinstance(each, ast.Name) for each in targets)
            found = [value for each, value in pairs if is_plain and _is_named(each, name)]
            return found[0] if len(found) == 1 and len(targets) == len(values) else None
        case ast.Assign(targets=targets, value=value):
            return value if any(_is_named(each, name) for each in targets) else None
        case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value):
            return value if found == name else None
        case _:
            return None


def _is_named(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def names_set_in(node: ast.AST) -> set[str]:
    """Return the variables that a statement, an expression or a function sets."""
    return {name for each in ast.walk(node) for name in bound_by(each)}


def whose_items_change(node: ast.AST) -> list[ast.expr]:
    """Return the lists and dicts that something changes in place, as it spells them."""
    found: list[ast.expr] = []
    for each in ast.walk(node):
        match each:
            case ast.Subscript(value=inner, ctx=ast.Store() | ast.Del()):
                while isinstance(inner, ast.Subscript):
                    inner = inner.value
                found.append(inner)
            case ast.Call(func=ast.Attribute(value=inner, attr=attr)) if attr in _CHANGING:
                while isinstance(inner, ast.Subscript):
                    inner = inner.value
                found.append(inner)
            case _:
                pass
    return found


def changed_in(node: ast.AST) -> set[str]:
    """Return the variables that something sets, or changes the items of."""
    changed = {each.id for each in whose_items_change(node) if isinstance(each, ast.Name)}
    return names_set_in(node) | changed


def stores_of(module: Module, owner: ast.ClassDef | None, name: str) -> list[ast.AST]:
    """Return where an attribute of this name may be set, other classes' own ones left out."""
    return [
        node
        for node, around in module.class_of.items()
        if (of := _set_in(node, name)) is not None and (around is owner or not is_self(of))
    ]


def _set_in(node: ast.AST, name: str) -> ast.expr | None:
    """Return the object whose attribute a node may set."""
    match node:
        case ast.Attribute(value=of, attr=attr, ctx=ast.Store() | ast.Del()):
            return of if attr == name else None
        case ast.Call(
            func=ast.Name(id="setattr") | ast.Attribute(attr="__setattr__"), args=[of, key, *_]
        ):
            is_other = isinstance(key, ast.Constant) and key.value != name
            return None if is_other else of
        case ast.Call(
            func=ast.Attribute(value=ast.Attribute(value=of, attr="__dict__"), attr="update")
        ):
            return of
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id="vars"), args=[of]), attr="update")
        ):
            return of
        case _:
            return None


def is_self(node: ast.expr) -> bool:
    """Say whether this is the object, or the class, that a method belongs to."""
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def value_for_attribute(statement: ast.stmt, name: str) -> ast.expr | None:
    """Return what a statement sets `self.name` to."""
    match statement:
        case ast.Assign(targets=[ast.Attribute(value=of, attr=attr)], value=value):
            return value if attr == name and is_self(of) else None
        case ast.AnnAssign(target=ast.Attribute(value=of, attr=attr), value=ast.expr() as value):
            return value if attr == name and is_self(of) else None
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
    first = ast.copy_location(ast.Assign([loop.target], loop.iter.elts[0]), loop.target)
    return [first, *loop.body, *loop.orelse]


def heads_of(statement: ast.stmt) -> list[ast.AST]:
    """Return what is evaluated before the body of a statement."""
    match statement:
        case ast.If(test=test):
            return [test]
        case ast.With(items=items):
            return [*items]
        case _:
            return []


def sets_environment(module: Module) -> bool:
    """Say whether a module sets variables of the environment, or has a file do it."""
    if any(each.module.partition(".")[0] == "dotenv" for each in module.imports.values()):
        return True
    return any(module.dotted(each) == "os.environ" for each in whose_items_change(module.tree))

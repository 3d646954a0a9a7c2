"""The arguments of hptui's decorator, read from the source without running it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from hptui.domain.objective import ATTRIBUTE, ObjectiveInfo
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam, ParamSpec
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError
from hptui.registry.decorator import objective as describe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hptui.registry.source.syntax import Function

_PUBLIC = {
    "objective": "objective",
    "Float": "Float",
    "FloatParam": "Float",
    "Int": "Int",
    "IntParam": "Int",
    "Choice": "Choice",
    "ChoiceParam": "Choice",
}
_PARAM_CLASSES: dict[str, type[FloatParam] | type[IntParam] | type[ChoiceParam]] = {
    "Float": FloatParam,
    "Int": IntParam,
    "Choice": ChoiceParam,
}
_UNKNOWN = object()
"""Stands for an argument that is not a literal."""


class Names:
    """Which names in a file stand for something of hptui.

    Without an import that says otherwise, `objective`, `Float`, `Int`, `Choice` and `hptui` do.
    """

    def __init__(self, statements: Iterable[ast.stmt]) -> None:
        self._ours = dict(_PUBLIC)
        self._modules = {"hptui"}
        for statement in statements:
            if isinstance(statement, ast.Import):
                self._note_import(statement)
            elif isinstance(statement, ast.ImportFrom):
                self._note_import_from(statement)

    def _note_import(self, statement: ast.Import) -> None:
        for alias in statement.names:
            if alias.name == "hptui" and alias.asname:
                self._modules.add(alias.asname)

    def _note_import_from(self, statement: ast.ImportFrom) -> None:
        is_ours = not statement.level and (statement.module or "").split(".")[0] == "hptui"
        for alias in statement.names:
            bound = alias.asname or alias.name
            if not is_ours:
                self._ours.pop(bound, None)
            elif alias.name in _PUBLIC:
                self._ours[bound] = _PUBLIC[alias.name]

    def meaning(self, node: ast.expr) -> str:
        """Return which public name of hptui an expression stands for; empty when none."""
        match node:
            case ast.Name(id=name):
                return self._ours.get(name, "")
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in self._modules:
                return _PUBLIC.get(name, "")
            case _:
                return ""


def decorator_of(node: Function | ast.ClassDef, names: Names) -> ast.expr | None:
    """Return hptui's decorator on a function or class, or None."""
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if names.meaning(called) == "objective":
            return decorator
    return None


def declared_info(
    node: Function | ast.ClassDef, decorator: ast.expr, names: Names
) -> tuple[ObjectiveInfo | None, str]:
    """Return what a decorator declares, or None and a sentence that says why it is refused.

    Arguments that are not literals are taken as not given.
    """
    if not isinstance(decorator, ast.Call):
        return None, f"line {decorator.lineno}: write @objective() with its parentheses"

    def stand_in() -> None: ...

    stand_in.__name__, stand_in.__doc__ = node.name, ast.get_docstring(node)
    try:
        # The decorator itself decides what is valid and what the defaults are.
        describe(**_arguments(decorator, names))(stand_in)
    except (HptuiError, TypeError, ValueError, AttributeError) as error:
        return None, f"line {decorator.lineno}: its decorator is refused: {safe_line(error)}"
    return getattr(stand_in, ATTRIBUTE), ""


def _arguments(call: ast.Call, names: Names) -> dict[str, Any]:
    arguments = {each.arg: _literal(each.value, names) for each in call.keywords if each.arg}
    if call.args:
        arguments["name"] = _literal(call.args[0], names)
    return {name: value for name, value in arguments.items() if value is not _UNKNOWN}


def _literal(node: ast.expr, names: Names) -> object:
    """Return the value of a literal or of a space of literals, else `_UNKNOWN`."""
    if isinstance(node, ast.Dict):
        return _space(node, names)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return _UNKNOWN


def _space(node: ast.Dict, names: Names) -> dict[str, ParamSpec]:
    space: dict[str, ParamSpec] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        match key:
            case ast.Constant(value=str(name)):
                spec = _parameter(value, names)
                if spec is not None:
                    space[name] = spec
            case _:
                pass
    return space


def _parameter(node: ast.expr, names: Names) -> ParamSpec | None:
    if not isinstance(node, ast.Call):
        return None
    make = _PARAM_CLASSES.get(names.meaning(node.func))
    positional = [_literal(each, names) for each in node.args]
    named = {each.arg: _literal(each.value, names) for each in node.keywords if each.arg}
    if make is None or any(each is _UNKNOWN for each in (*positional, *named.values())):
        return None
    return make(*positional, **named)  # pyright: ignore[reportArgumentType, reportCallIssue]

"""The values of expressions, as far as reading the code decides them.

`DIRECTION` is `"maximize"` after `METRIC = "auc"` and
`DIRECTION = "maximize" if METRIC == "auc" else "minimize"`; what is read, passed in by a person or
computed is `UNKNOWN`.
"""

from __future__ import annotations

import ast
import operator
import os
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.registry.assignments import (
    changed_in,
    given_items,
    only_round,
    stores_of,
    value_for,
    value_for_attribute,
)
from hptui.registry.command_line import clicked_defaults, keyword, parsed_default
from hptui.registry.syntax import method

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hptui.registry.own_code import Definition, Module, OwnCode
    from hptui.registry.syntax import Function

UNKNOWN: Final = object()
"""Stands for a value that only running the code tells."""
_NOT_YET: Final = object()
"""Stands for a variable that has no value so far."""
_MAX_DEPTH: Final = 30
_MAX_STEPS: Final = 2_000
_MAX_ITEMS: Final = 1_000
"""Longer lists and texts are not made."""
_DIRECTIONS: Final = {"MINIMIZE": "minimize", "MAXIMIZE": "maximize"}
_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], object]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda one, other: one in other,
    ast.NotIn: lambda one, other: one not in other,
}
_ENVIRONMENT: Final = ("os.environ.get", "os.getenv")
_METHODS: Final = frozenset({"lower", "upper", "strip", "startswith", "endswith", "get"})


@dataclass(frozen=True, slots=True)
class Frame:
    """Where an expression stands."""

    module: Module
    function: Function | None = None
    given: Mapping[str, object] = field(default_factory=dict[str, object])
    """The values of the function's parameters, where a call tells them."""


@dataclass(frozen=True, slots=True)
class _Instance:
    """An object that a call of an own class makes."""

    module: Module
    owner: ast.ClassDef
    call: ast.Call | None
    """None where the class is not called in the file."""
    frame: Frame


@dataclass(frozen=True, slots=True)
class _Parsed:
    """What argparse reads from an empty command line."""

    module: Module


class Constants:
    """Decides the values of expressions in an objective's own code."""

    def __init__(self, code: OwnCode) -> None:
        self._code = code
        self._depth = 0
        self._n_left = _MAX_STEPS
        self._changed_in: dict[ast.stmt, frozenset[str]] = {}

    def value(self, node: ast.expr | None, frame: Frame) -> object:
        """Return the value of an expression, or `UNKNOWN`."""
        if node is None or self._depth > _MAX_DEPTH or self._n_left <= 0:
            return UNKNOWN
        self._depth += 1
        self._n_left -= 1
        try:
            found = self._value(node, frame)
            return UNKNOWN if found is _NOT_YET else found
        except (TypeError, ValueError, LookupError, AttributeError, RecursionError):
            return UNKNOWN
        finally:
            self._depth -= 1

    def bound(self, call: ast.Call, function: Definition, frame: Frame, module: Module) -> Frame:
        """Return the frame of an own function for one call of it."""
        if isinstance(function, ast.ClassDef):
            return Frame(module)
        names = _positional(function)
        inside = self.uncalled(function, module)
        given, by_name, is_open = dict(inside.given), dict[str, object](), False
        for each in call.keywords:
            value = self.value(each.value, frame)
            if each.arg is not None:
                by_name[each.arg] = value
            elif isinstance(value, dict):
                by_name |= cast("dict[str, object]", value)
            else:
                is_open = True
        if clicked_defaults(function) is not None:
            # Click fills in the parameters by itself.
            return Frame(module, function) if call.args or "args" in by_name else inside
        if is_open or any(isinstance(each, ast.Starred) for each in call.args):
            # What comes packed may be anything that is not said otherwise.
            return Frame(module, function, by_name)
        given |= zip(names, [self.value(each, frame) for each in call.args], strict=False)
        named = {*names, *(each.arg for each in function.args.kwonlyargs)}
        given |= {name: by_name[name] for name in by_name if name in named}
        if function.args.kwarg is not None:
            rest = {name: by_name[name] for name in by_name if name not in named}
            given[function.args.kwarg.arg] = rest
        return Frame(module, function, given)

    def uncalled(self, function: Function, module: Module) -> Frame:
        """Return the frame of an own function with the defaults of its parameters."""
        arguments = function.args
        outside = Frame(module, module.function_of.get(function))
        names = _positional(function)
        given: dict[str, object] = {}
        for name, default in zip(reversed(names), reversed(arguments.defaults), strict=False):
            given[name] = self.value(default, outside)
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            given[each.arg] = self.value(default, outside)
        for name, default in (clicked_defaults(function) or {}).items():
            given[name] = self.value(default, outside)
        return Frame(module, function, given)

    def assigned(self, name: str, frame: Frame) -> list[ast.expr]:
        """Return all that a variable of the frame's function or module is set to."""
        scopes: list[ast.AST] = [frame.module.tree]
        function = frame.function
        while function is not None:
            scopes.insert(-1, function)
            function = frame.module.function_of.get(function)
        for scope in scopes:
            owner = scope if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef) else None
            found = [
                value
                for node, inner in frame.module.function_of.items()
                if inner is owner and (value := value_for(node, name)) is not None
            ]
            if found:
                return found
        return []

    def _value(self, node: ast.expr, frame: Frame) -> object:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self._variable(name, node, frame)
            case ast.Attribute():
                return self._attribute(node, frame)
            case ast.List() | ast.Tuple():
                items = [self.value(each, frame) for each in node.elts]
                return UNKNOWN if UNKNOWN in items else items
            case ast.BinOp(left=left, op=ast.Add() | ast.Mult() as op, right=right):
                return _combined(op, self.value(left, frame), self.value(right, frame))
            case ast.Dict():
                return self._dict(node, frame)
            case ast.IfExp() | ast.BoolOp() | ast.Compare() | ast.UnaryOp():
                return self._decision(node, frame)
            case ast.Subscript(value=inner, slice=index):
                whole: Any = self.value(inner, frame)
                return UNKNOWN if whole is UNKNOWN else whole[self.value(index, frame)]
            case ast.Call():
                return self._call(node, frame)
            case _:
                return UNKNOWN

    def _decision(self, node: ast.expr, frame: Frame) -> object:
        match node:
            case ast.IfExp(test=test, body=body, orelse=orelse):
                verdict = self.value(test, frame)
                if verdict is UNKNOWN:
                    return _join(self.value(body, frame), self.value(orelse, frame))
                return self.value(body if verdict else orelse, frame)
            case ast.BoolOp(op=op, values=values):
                found: object = UNKNOWN
                for each in values:
                    found = self.value(each, frame)
                    if found is UNKNOWN or bool(found) is isinstance(op, ast.Or):
                        break
                return found
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                pair = self.value(left, frame), self.value(right, frame)
                return UNKNOWN if UNKNOWN in pair else _COMPARE[type(op)](*pair)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                verdict = self.value(operand, frame)
                return verdict if verdict is UNKNOWN else not verdict
            case _:
                return UNKNOWN

    def _dict(self, node: ast.Dict, frame: Frame) -> object:
        made: dict[object, object] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                more = self.value(value, frame)
                if not isinstance(more, dict):
                    return UNKNOWN
                made |= cast("dict[object, object]", more)
            else:
                made[self.value(key, frame)] = self.value(value, frame)
        return UNKNOWN if UNKNOWN in made else made

    def _attribute(self, node: ast.Attribute, frame: Frame) -> object:
        if node.attr in _DIRECTIONS and ast.unparse(node.value).endswith("StudyDirection"):
            return _DIRECTIONS[node.attr]
        if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            return self._of_class(node.attr, frame)
        if node.attr == "value" and isinstance(node.value, ast.Attribute):
            return self._attribute(node.value, frame)
        for module, owner in self._code.definitions(node.value, frame.module):
            if isinstance(owner, ast.ClassDef):
                return self._after(owner.body, node.attr, Frame(module), None, _NOT_YET)
        found = self._code.find(node, frame.module)
        if found is not None:
            return self._variable(found[1], None, Frame(found[0]))
        match self.value(node.value, frame):
            case _Instance() as instance:
                return self._of_instance(node.attr, instance)
            case _Parsed(module=module) if not stores_of(module, None, node.attr):
                return self.value(parsed_default(module, node.attr), Frame(module))
            case _:
                return UNKNOWN

    def _of_class(self, name: str, frame: Frame) -> object:
        """Return what an attribute of the object is that a method belongs to."""
        around = () if frame.function is None else frame.module.around(frame.function)
        owner = next((each for each in around if isinstance(each, ast.ClassDef)), None)
        if owner is None or self._has_other_makers(owner, frame.module):
            return UNKNOWN
        made = [
            _Instance(frame.module, owner, call, Frame(module, module.function_of.get(call)))
            for module in dict.fromkeys((self._code.main, frame.module))
            for call in module.calls()
            if any(each is owner for _, each in self._code.definitions(call.func, module))
        ]
        found: object = _NOT_YET
        for each in made or [_Instance(frame.module, owner, None, Frame(frame.module))]:
            found = _join(found, self._of_instance(name, each))
        return found

    def _has_other_makers(self, owner: ast.ClassDef, module: Module) -> bool:
        """Say whether objects of a class are made by its own methods, or by classes of it."""
        for each in dict.fromkeys((self._code.main, module)):
            for node in each.class_of:
                match node:
                    case ast.Call(func=func):
                        is_other = each.dotted(func) == "dataclasses.replace" or (
                            isinstance(func, ast.Name) and func.id == "cls"
                        )
                    case ast.ClassDef(bases=bases):
                        names = [ast.unparse(base).rpartition(".")[2] for base in bases]
                        is_other = owner.name in names
                    case _:
                        continue
                if is_other:
                    return True
        return False

    def _of_instance(self, name: str, made: _Instance) -> object:
        """Return what an attribute of an own object is that nothing sets later."""
        modules = dict.fromkeys((self._code.main, made.module))
        n_set = sum(len(stores_of(module, made.owner, name)) for module in modules)
        init = method(made.owner, "__init__", {})
        ways = [value_for_attribute(each, name) for each in (init.body if init else ())]
        found = next((each for each in ways if each is not None), None)
        if n_set == 1 and init is not None and found is not None:
            inside = self.uncalled(init, made.module)
            if made.call is not None:
                inside = self.bound(made.call, init, made.frame, made.module)
            return self.value(found, inside)
        if n_set:
            return UNKNOWN
        if init is None and made.call is not None:
            return self._of_fields(name, made, made.call)
        return self._after(made.owner.body, name, Frame(made.module), None, _NOT_YET)

    def _of_fields(self, name: str, made: _Instance, call: ast.Call) -> object:
        """Return an attribute of an object whose class takes the values of its fields."""
        fields = [
            each.target.id
            for each in made.owner.body
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
        ]
        given = dict(zip(fields, call.args, strict=False))
        given |= {each.arg: each.value for each in call.keywords if each.arg is not None}
        if name in given:
            return self.value(given[name], made.frame)
        is_open = any(each.arg is None for each in call.keywords)
        if is_open or any(isinstance(each, ast.Starred) for each in call.args):
            return UNKNOWN
        return self._after(made.owner.body, name, Frame(made.module), None, _NOT_YET)

    def _call(self, call: ast.Call, frame: Frame) -> object:
        if frame.module.dotted(call.func) in _ENVIRONMENT:
            default = self.value((*call.args[1:2], keyword(call, "default"))[0], frame)
            name = self.value(call.args[0], frame) if call.args else UNKNOWN
            # Where the two differ a person has to say which one counts.
            return _join(default, os.environ.get(str(name), default))
        match call.func:
            case ast.Name(id="dict") if not call.args:
                pairs = {each.arg: self.value(each.value, frame) for each in call.keywords}
                return UNKNOWN if None in pairs else pairs
            case ast.Attribute(value=inner, attr=name) if name in _METHODS:
                whole: Any = self.value(inner, frame)
                arguments = [self.value(each, frame) for each in call.args]
                if whole is not UNKNOWN and UNKNOWN not in arguments:
                    return getattr(whole, name)(*arguments)
            case ast.Name(id="field"):
                return self.value(keyword(call, "default"), frame)
            case ast.Attribute(attr="parse_args") if all(
                self.value(each, frame) is None for each in call.args
            ):
                return _Parsed(frame.module)
            case _:
                pass
        for module, function in self._code.definitions(call.func, frame.module):
            if isinstance(function, ast.ClassDef):
                return _Instance(module, function, call, frame)
            if isinstance(function, ast.FunctionDef):
                inside = self.bound(call, function, frame, module)
                returned = self._returned(function.body, inside)
                return None if returned is _NOT_YET else returned
        return UNKNOWN

    def _returned(self, body: Sequence[ast.stmt], frame: Frame) -> object:
        """Return what a function returns; `_NOT_YET` where it goes on behind these statements."""
        for statement in body:
            match statement:
                case ast.Return(value=value):
                    return None if value is None else self.value(value, frame)
                case ast.If(test=test, body=then, orelse=orelse):
                    verdict = self.value(test, frame)
                    if verdict is UNKNOWN:
                        return UNKNOWN
                    found = self._returned(then if verdict else orelse, frame)
                    if found is not _NOT_YET:
                        return found
                case ast.Raise():
                    return UNKNOWN
                case ast.For() | ast.While() | ast.Try() | ast.With() | ast.Match():
                    return UNKNOWN
                case _:
                    pass
        return _NOT_YET

    def _variable(self, name: str, use: ast.expr | None, frame: Frame) -> object:
        """Return the value of a variable where it is used; at the end without a use."""
        if name == "__name__":
            return "__main__" if frame.module.is_main else ""
        module, function = frame.module, frame.function
        place = None if use is None else (use.lineno, use.col_offset)
        while function is not None:
            inside = frame if function is frame.function else Frame(module, function)
            start = _NOT_YET
            if name in _parameters(function):
                start = inside.given.get(name, UNKNOWN)
            found = self._after(function.body, name, inside, place, start)
            if found is not _NOT_YET:
                return found
            function, place = module.function_of.get(function), None
        if name in module.set_from_inside:
            return UNKNOWN
        found = self._after(module.tree.body, name, Frame(module), place, _NOT_YET)
        if found is not _NOT_YET:
            return found
        origin = self._code.find(ast.Name(name), module)
        return UNKNOWN if origin is None else self._variable(origin[1], None, Frame(origin[0]))

    def _after(
        self,
        body: Sequence[ast.stmt],
        name: str,
        frame: Frame,
        place: tuple[int, int] | None,
        value: object,
    ) -> object:
        """Return the value of a variable after the statements that stand before a place."""
        for statement in body:
            if place is not None and (statement.lineno, statement.col_offset) >= place:
                break
            value = self._after_one(statement, name, frame, place, value)
        return value

    def _after_one(
        self,
        statement: ast.stmt,
        name: str,
        frame: Frame,
        place: tuple[int, int] | None,
        value: object,
    ) -> object:
        def after(body: Sequence[ast.stmt], before: object = value) -> object:
            return self._after(body, name, frame, place, before)

        match statement:
            case ast.If(test=test, body=body, orelse=orelse):
                verdict = self.value(test, frame)
                if verdict is UNKNOWN:
                    return _join(after(body), after(orelse))
                return after(body if verdict else orelse)
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=finalbody):
                ways = [after([*body, *orelse]), *(after(each.body) for each in handlers)]
                return after(finalbody, reduce(_join, ways))
            case ast.With(body=body):
                return after(body)
            case ast.For() if (only := only_round(statement)) is not None:
                return after(only)
            case ast.FunctionDef(name=bound) | ast.ClassDef(name=bound) if bound == name:
                return UNKNOWN
            case _:
                assigned = value_for(statement, name)
                if assigned is not None:
                    return self.value(assigned, frame)
                if not self._sets(statement, name):
                    return value
                return self._with_items(statement, name, value, frame)

    def _sets(self, statement: ast.stmt, name: str) -> bool:
        """Say whether a statement changes the variable, or what it holds, in some other way."""
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return False
        if statement not in self._changed_in:
            self._changed_in[statement] = frozenset(changed_in(statement))
        return name in self._changed_in[statement]

    def _with_items(self, statement: ast.stmt, name: str, value: object, frame: Frame) -> object:
        """Return a dict after a statement that gives it items; else `UNKNOWN`."""
        more = given_items(statement, name)
        items = None if more is None else self._dict(more, frame)
        if not isinstance(value, dict) or not isinstance(items, dict):
            return UNKNOWN
        return {**cast("dict[object, object]", value), **cast("dict[object, object]", items)}


def _join(one: object, other: object) -> object:
    """Return what two ways lead to when they agree; a way without a value cannot be taken."""
    if one is _NOT_YET or other is _NOT_YET:
        return other if one is _NOT_YET else one
    return one if one is not UNKNOWN and one == other else UNKNOWN


def _combined(op: ast.operator, one: object, other: object) -> object:
    """Return the sum of two lists or texts, or one repeated; `UNKNOWN` for numbers and others."""
    if isinstance(op, ast.Add) and isinstance(one, list) and isinstance(other, list):
        items = cast("list[object]", one + other)
        return items if len(items) <= _MAX_ITEMS else UNKNOWN
    if isinstance(op, ast.Add) and isinstance(one, str) and isinstance(other, str):
        return one + other if len(one) + len(other) <= _MAX_ITEMS else UNKNOWN
    if isinstance(op, ast.Mult) and isinstance(one, int):
        one, other = other, one
    if isinstance(op, ast.Mult) and isinstance(one, list) and isinstance(other, int):
        items = cast("list[object]", one)
        return items * other if len(items) * other <= _MAX_ITEMS else UNKNOWN
    return UNKNOWN


def _positional(function: Function) -> list[str]:
    """Return the names of the parameters that a call gives by their places."""
    names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def _parameters(function: Function) -> set[str]:
    arguments = function.args
    several = [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    return {
        each.arg
        for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *several)
    }

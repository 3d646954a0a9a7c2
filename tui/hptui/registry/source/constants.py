"""The values of expressions, as far as reading the code decides them.

`DIRECTION` is `"maximize"` after `METRIC = "auc"` and
`DIRECTION = "maximize" if METRIC == "auc" else "minimize"`; what is read, passed in by a person or
computed is `UNKNOWN`.
"""

from __future__ import annotations

import ast
import operator
import os
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.registry.scripts.command_line import clicked_defaults, keyword, parsed_default
from hptui.registry.source.assignments import (
    changed_in,
    given_items,
    heads_of,
    is_self,
    only_round,
    sets_environment,
    stores_of,
    value_for,
    value_for_attribute,
    whose_items_change,
)
from hptui.registry.source.syntax import has_plain_bases, has_plain_decorators, method, parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hptui.registry.source.own_code import Definition, Module, OwnCode
    from hptui.registry.source.syntax import Function

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
_METHODS: Final = frozenset({"lower", "upper", "strip", "startswith", "endswith", "get", "copy"})


@dataclass(frozen=True, slots=True)
class Frame:
    """Where an expression stands."""

    module: Module
    function: Function | None = None
    given: Mapping[str, object] = field(default_factory=dict[str, object])
    """The values of the function's parameters, where a call tells them."""
    called_at: tuple[int, int] | None = None
    """Where on the top level of the objective's file the call stands that led here."""


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
        self._changed_in: dict[ast.AST, set[str]] = {}

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
        place = frame.called_at
        if frame.function is None and frame.module.is_main:
            place = (call.lineno, call.col_offset)
        if isinstance(function, ast.ClassDef):
            return Frame(module, called_at=place)
        names = _positional(function)
        inside = replace(self.uncalled(function, module), called_at=place)
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
            return replace(inside, given={} if call.args or "args" in by_name else inside.given)
        if is_open or any(isinstance(each, ast.Starred) for each in call.args):
            # What comes packed may be anything that is not said otherwise.
            return replace(inside, given=by_name)
        given |= zip(names, [self.value(each, frame) for each in call.args], strict=False)
        named = {*names, *(each.arg for each in function.args.kwonlyargs)}
        given |= {name: by_name[name] for name in by_name if name in named}
        if function.args.kwarg is not None:
            rest = {name: by_name[name] for name in by_name if name not in named}
            given[function.args.kwarg.arg] = rest
        return replace(inside, given=given)

    def uncalled(self, function: Function, module: Module) -> Frame:
        """Return the frame of an own function with the defaults of its parameters."""
        if not has_plain_decorators(function):
            return Frame(module, function)
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
            case ast.List() | ast.Tuple() | ast.Set():
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
        kind = frame.module.dotted(node.value) or ast.unparse(node.value)
        if node.attr in _DIRECTIONS and kind.endswith("StudyDirection"):
            return _DIRECTIONS[node.attr]
        if is_self(node.value):
            return self._of_class(node.attr, frame)
        if node.attr == "value" and isinstance(node.value, ast.Attribute):
            return self._attribute(node.value, frame)
        for module, owner in self._code.definitions(node.value, frame.module):
            if isinstance(owner, ast.ClassDef):
                if self._stores(owner, node.attr):
                    return UNKNOWN
                return self._after(owner.body, node.attr, Frame(module), None, _NOT_YET)
        found = self._code.find(node, frame.module)
        if found is not None:
            return self._variable(found[1], None, Frame(found[0]))
        match self.value(node.value, frame):
            case _Instance() as instance:
                return self._of_instance(node.attr, instance)
            case _Parsed(module=module) if not self._stores(None, node.attr):
                default = parsed_default(module, node.attr)
                function = None if default is None else module.function_of.get(default)
                return self.value(default, Frame(module, function))
            case _:
                return UNKNOWN

    def _stores(self, owner: ast.ClassDef | None, name: str) -> int:
        """Count the places in own code that may set an attribute."""
        return sum(len(stores_of(module, owner, name)) for module in self._code.modules)

    def _of_class(self, name: str, frame: Frame) -> object:
        """Return what an attribute of the object is that a method belongs to."""
        owner = self._only_owner(frame)
        if owner is None:
            return UNKNOWN
        made = [
            _Instance(frame.module, owner, call, Frame(module, module.function_of.get(call)))
            for module in self._code.modules
            for call in module.calls()
            if any(each is owner for _, each in self._code.definitions(call.func, module))
        ]
        found: object = _NOT_YET
        for each in made or [_Instance(frame.module, owner, None, Frame(frame.module))]:
            found = _join(found, self._of_instance(name, each))
        return found

    def _only_owner(self, frame: Frame) -> ast.ClassDef | None:
        """Return the class around a method, where its objects are of no other class."""
        around = () if frame.function is None else frame.module.around(frame.function)
        owner = next((each for each in around if isinstance(each, ast.ClassDef)), None)
        return None if owner is None or self._has_other_makers(owner) else owner

    def _has_other_makers(self, owner: ast.ClassDef) -> bool:
        """Say whether objects of a class are made by its own methods, or by classes of it."""
        for each in self._code.modules:
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
        n_set = self._stores(made.owner, name)
        init = method(made.owner, "__init__", {})
        ways = [value_for_attribute(each, name) for each in (init.body if init else ())]
        found = next((each for each in ways if each is not None), None)
        if n_set == 1 and init is not None and found is not None:
            inside = self.uncalled(init, made.module)
            if made.call is not None:
                inside = self.bound(made.call, init, made.frame, made.module)
            return self.value(found, inside)
        if n_set or not has_plain_bases(made.owner):
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
            return self._of_environment(call, frame)
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
            case ast.Attribute(value=of) if is_self(of) and self._only_owner(frame) is None:
                return UNKNOWN
            case ast.Attribute(attr="parse_args") if all(
                self.value(each, frame) is None
                for each in (*call.args, *(each.value for each in call.keywords))
            ):
                return _Parsed(frame.module)
            case _:
                pass
        found = self._code.definitions(call.func, frame.module)
        ways = [self._made_by(call, each, frame, module) for module, each in found]
        return reduce(_join, ways) if ways else UNKNOWN

    def _made_by(self, call: ast.Call, called: Definition, frame: Frame, module: Module) -> object:
        if isinstance(called, ast.ClassDef):
            return _Instance(module, called, call, frame)
        if isinstance(called, ast.AsyncFunctionDef):
            return UNKNOWN
        returned = self._returned(called.body, self.bound(call, called, frame, module))
        return None if returned is _NOT_YET else returned

    def _of_environment(self, call: ast.Call, frame: Frame) -> object:
        """Return what a variable of the environment is by default, unless something sets it."""
        default: object = None
        for each in (*call.args[1:2], *(given.value for given in call.keywords)):
            default = self.value(each, frame)
        name = self.value(call.args[0], frame) if call.args else UNKNOWN
        if name is UNKNOWN or any(sets_environment(module) for module in self._code.modules):
            return UNKNOWN
        # Where the two differ a person has to say which one counts.
        return _join(default, os.environ.get(str(name), default))

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
        others = [each for each in self._code.modules if each is not module]
        if (
            module.runs_code
            or use in module.local_to_expressions
            or name in module.set_from_inside
            or any(name in each.set_elsewhere for each in others)
        ):
            return UNKNOWN
        place = None if use is None else (use.lineno, use.col_offset)
        while function is not None:
            inside = frame if function is frame.function else Frame(module, function)
            start = _NOT_YET
            if name in parameters(function):
                start = inside.given.get(name, UNKNOWN)
            found = self._after(function.body, name, inside, place, start)
            if found is not _NOT_YET:
                return found
            function, place = module.function_of.get(function), None
        if module.is_main and frame.function is not None:
            place = frame.called_at
        return self._after(module.tree.body, name, Frame(module), place, _NOT_YET)

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
            # What a statement sets it sets when all in it is evaluated.
            edge = statement.lineno, statement.col_offset
            if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Expr):
                edge = statement.end_lineno or 0, statement.end_col_offset or 0
            if place is not None and edge >= place:
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
        if any(self._sets(each, name, frame) for each in heads_of(statement)):
            value = UNKNOWN

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
            case ast.ImportFrom():
                return self._imported(statement, name, frame, value)
            case _:
                return self._assigned(statement, name, frame, value)

    def _assigned(self, statement: ast.stmt, name: str, frame: Frame, value: object) -> object:
        assigned = value_for(statement, name)
        if assigned is not None:
            return self.value(assigned, frame)
        if not self._sets(statement, name, frame):
            return value
        return self._with_items(statement, name, value, frame)

    def _imported(
        self, statement: ast.ImportFrom, name: str, frame: Frame, value: object
    ) -> object:
        """Return the value of a variable after an import, which may be of this variable."""
        dotted = "." * statement.level + (statement.module or "")
        for alias in statement.names:
            if alias.name != "*" and (alias.asname or alias.name) != name:
                continue
            module = self._code.module(dotted, frame.module)
            if alias.name == "*":
                if module is not None:
                    value = self._after(module.tree.body, name, Frame(module), None, value)
            elif module is None:
                value = UNKNOWN
            else:
                value = self._variable(alias.name, None, Frame(module))
        return value

    def _sets(self, node: ast.AST, name: str, frame: Frame) -> bool:
        """Say whether a part of the code changes the variable, or what it holds."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return False
        if node not in self._changed_in:
            changed = changed_in(node)
            for call in ast.walk(node):
                if isinstance(call, ast.Call):
                    changed |= self._changed_by(call, frame.module)
            self._changed_in[node] = changed
        return name in self._changed_in[node]

    def _changed_by(self, call: ast.Call, user: Module) -> set[str]:
        """Return the variables whose items an own function changes that is called with them."""
        found: set[str] = set()
        for _, called in self._code.definitions(call.func, user):
            if isinstance(called, ast.ClassDef):
                continue
            given = [*zip(_positional(called), call.args, strict=False)]
            given += [(each.arg or "", each.value) for each in call.keywords]
            changed = {each.id for each in whose_items_change(called) if isinstance(each, ast.Name)}
            found |= {
                each.id for name, each in given if name in changed and isinstance(each, ast.Name)
            }
        return found

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

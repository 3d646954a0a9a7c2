"""What an objective takes besides the trial, read from its source without running any of it."""

from __future__ import annotations

import ast
import enum
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, cast

from hptui.domain.objective import Argument
from hptui.domain.texts.argument_values import UNKNOWN, type_of_default
from hptui.domain.texts.text import safe_line
from hptui.registry.source.syntax import Function, method, top_level, without_first

Taken = tuple[tuple[Argument, ...], bool]
"""The arguments, and whether there may be others."""

_PLAIN: Final[dict[str, object]] = {
    "Any": Any,
    "Path": Path,
    "PathLike": Path,
    "PosixPath": Path,
    "PurePath": Path,
    "bool": bool,
    "dict": dict,
    "float": float,
    "frozenset": frozenset,
    "int": int,
    "list": list,
    "object": object,
    "set": set,
    "str": str,
    "tuple": tuple,
}
_GENERIC: Final[dict[str, Any]] = {
    **{name: kind for name, kind in _PLAIN.items() if name in ("dict", "frozenset", "list", "set")},
    "Collection": Sequence,
    "Dict": dict,
    "FrozenSet": frozenset,
    "Iterable": Sequence,
    "List": list,
    "Mapping": Mapping,
    "MutableMapping": Mapping,
    "MutableSequence": Sequence,
    "Sequence": Sequence,
    "Set": set,
}
_ENUMS: Final = frozenset({"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"})
_MAX_DEPTH: Final = 12
_MAX_SHOWN: Final = 80


class ArgumentSource:
    """Reads parameters of functions and classes at the top level of one module."""

    def __init__(self, tree: ast.Module, classes: Mapping[str, ast.ClassDef]) -> None:
        self._classes = classes
        self._own: dict[str, ast.ClassDef | ast.expr] = {}
        """What names of the file stand for: classes, and types under another name."""
        for statement in top_level(tree.body):
            match statement:
                case ast.ClassDef(name=name):
                    self._own[name] = statement
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                ):
                    self._own[name] = value
                case _:
                    pass

    def of_function(self, arguments: ast.arguments) -> Taken:
        """Return what a function takes behind its first parameter."""
        return self._of(without_first(arguments))

    def of_plain(self, arguments: ast.arguments) -> Taken:
        """Return all that a function takes."""
        return self._of(arguments)

    def of_class(self, node: ast.ClassDef) -> Taken:
        """Return what the constructor of a class takes."""
        init = method(node, "__init__", {**self._all_classes(), **self._classes})
        if init is not None:
            return self._of(without_first(init.args))
        if any(_last_name(each) == "dataclass" for each in node.decorator_list):
            return self._of_fields(node)
        return (), any(_last_name(base) not in ("object", "ABC") for base in node.bases)

    def needs_any(self, node: Function | ast.ClassDef) -> bool:
        """Say whether a function needs more than a trial, or a class more than nothing."""
        is_class = isinstance(node, ast.ClassDef)
        found, _ = self.of_class(node) if is_class else self.of_function(node.args)
        return any(each.default is None for each in found)

    def _all_classes(self) -> dict[str, ast.ClassDef]:
        return {name: node for name, node in self._own.items() if isinstance(node, ast.ClassDef)}

    def _of(self, arguments: ast.arguments) -> Taken:
        positional = [*arguments.posonlyargs, *arguments.args]
        n_needed = len(positional) - len(arguments.defaults)
        defaults = [*[None] * n_needed, *arguments.defaults[-len(positional) or None :]]
        pairs: list[tuple[ast.arg, ast.expr | None]] = [
            *zip(positional, defaults[: len(positional)], strict=True),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        found = tuple(self._argument(each.arg, each.annotation, value) for each, value in pairs)
        return found, arguments.kwarg is not None

    def _of_fields(self, node: ast.ClassDef) -> Taken:
        found: list[Argument] = []
        for statement in node.body:
            match statement:
                case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                    if _last_name(annotation) in ("ClassVar", "KW_ONLY"):
                        continue
                    given: dict[str | None, ast.expr] = {}
                    if isinstance(value, ast.Call) and _last_name(value) == "field":
                        given = {each.arg: each.value for each in value.keywords}
                        value = given.get("default", given.get("default_factory"))
                    is_set = isinstance(init := given.get("init"), ast.Constant) and not init.value
                    if not is_set:
                        found.append(self._argument(name, annotation, value))
                case _:
                    pass
        return tuple(found), bool(node.bases)

    def _argument(
        self, name: str, annotation: ast.expr | None, default: ast.expr | None
    ) -> Argument:
        shown = None if default is None else _shown(default)
        if annotation is not None:
            return Argument(name, _shown(annotation), shown, self.type_of(annotation))
        try:
            value = ast.literal_eval(default) if default is not None else UNKNOWN
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            value = UNKNOWN
        if value is UNKNOWN:
            return Argument(name, "", shown, UNKNOWN)
        kind = "" if value is None else type(cast("object", value)).__name__
        return Argument(name, kind, shown, type_of_default(value))

    def type_of(self, node: ast.expr, depth: int = 0) -> object:
        """Return the type that an annotation stands for, `UNKNOWN` where reading does not tell."""
        if depth > _MAX_DEPTH:
            return UNKNOWN
        try:
            return self._type_of(node, depth + 1)
        except (TypeError, ValueError, SyntaxError, RecursionError):
            return UNKNOWN

    def _type_of(self, node: ast.expr, depth: int) -> object:
        match node:
            case ast.Constant(value=None):
                return type(None)
            case ast.Constant(value=str(text)):
                return self.type_of(ast.parse(text, mode="eval").body, depth)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return self._union([left, right], depth)
            case ast.Name(id=name) if name in self._own:
                own = self._own[name]
                return _enum_of(own) if isinstance(own, ast.ClassDef) else self.type_of(own, depth)
            case ast.Name(id=name) | ast.Attribute(attr=name):
                return _PLAIN.get(name, _GENERIC.get(name, UNKNOWN))
            case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
                parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                return self._generic(name, parts, depth)
            case _:
                return UNKNOWN

    def _union(self, parts: Sequence[ast.expr], depth: int) -> object:
        members = [self.type_of(each, depth) for each in parts]
        if UNKNOWN in members:
            return UNKNOWN
        return typing.Union[tuple(members)]  # noqa: UP007 - made of parts

    def _generic(self, name: str, parts: list[ast.expr], depth: int) -> object:
        if name == "Literal":
            values = tuple(ast.literal_eval(each) for each in parts)
            return Literal[values]  # pyright: ignore[reportInvalidTypeForm]
        if name in ("Annotated", "Final"):
            return self.type_of(parts[0], depth)
        if name == "Optional":
            return self._union([*parts, ast.Constant(None)], depth)
        if name == "Union":
            return self._union(parts, depth)
        if name == "PathLike":
            return Path
        items = [
            ...
            if isinstance(each, ast.Constant) and each.value is ...
            else self.type_of(each, depth)
            for each in parts
        ]
        if UNKNOWN in items:
            items = [Any if each is UNKNOWN else each for each in items]
        if name in ("tuple", "Tuple"):
            return tuple[tuple(items)]  # pyright: ignore
        kind = _GENERIC.get(name)
        return UNKNOWN if kind is None else kind[tuple(items)]


def _enum_of(node: ast.ClassDef) -> object:
    """Return an enum with the members of one in the source; `UNKNOWN` for another class."""
    if not any(_last_name(base) in _ENUMS for base in node.bases):
        return UNKNOWN
    members: dict[str, object] = {}
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
                members[name] = value
            case ast.Assign():
                return UNKNOWN
            case _:
                pass
    return enum.Enum(node.name, members) if members else UNKNOWN


def _last_name(node: ast.expr) -> str:
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return ast.unparse(node).rpartition(".")[2]


def _shown(node: ast.expr) -> str:
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
    is_quoted = text is not None and not text.isidentifier()
    return safe_line(text if text and not is_quoted else ast.unparse(node), max_chars=_MAX_SHOWN)

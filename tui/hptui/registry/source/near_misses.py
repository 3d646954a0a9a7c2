"""What a file has where it has no function that takes a trial: what it tunes by itself."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line
from hptui.registry.source.argument_source import ArgumentSource
from hptui.registry.source.assignments import names_set_in
from hptui.registry.source.guarded_names import is_guard
from hptui.registry.source.own_code import Module
from hptui.registry.source.syntax import (
    Function,
    bound_by,
    call_problem,
    is_called_with_trial,
    is_given_trial,
    kind_of_method,
    method,
    names_optimized,
    top_level,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_MAX_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class NearMiss:
    """Something that a person may have meant."""

    attribute: str = ""
    """It stands in the file, but needs more than a trial; empty where something else is wrong."""
    problem: str = ""
    """A sentence without the file's name."""
    hint: str = ""


def near_miss(tree: ast.Module, path: Path, shown: str) -> NearMiss | None:
    """Return what a person may mean by a file without an objective; None where nothing is near.

    Args:
        tree: The file.
        path: Where it stands.
        shown: What a person writes for it.
    """
    return _Search(tree, path, shown).result()


def defined_at_top(tree: ast.Module, name: str) -> Function | ast.ClassDef | None:
    """Return the function or class that a name stands for once the file is imported."""
    found: list[ast.AST] = []
    for statement in top_level(tree.body):
        if isinstance(statement, Function | ast.ClassDef):
            found += [statement] if statement.name == name else []
        elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.Import | ast.ImportFrom):
            found += [statement] if name in _bound_names(statement) else []
    only = found[0] if len(found) == 1 else None
    return only if isinstance(only, Function | ast.ClassDef) else None


class _Search:
    def __init__(self, tree: ast.Module, path: Path, shown: str) -> None:
        self._tree = tree
        self._name = shown
        self._module = Module(path, tree, is_main=True)
        self._top = {name for statement in top_level(tree.body) for name in _bound_names(statement)}
        self._arguments = ArgumentSource(tree, {})
        self._unfit = [name for name in self._module.definitions if self._is_unfit(name)]
        self._given = names_optimized(tree)

    def result(self) -> NearMiss | None:
        named = [
            node.id
            for argument in self._given
            for node in ast.walk(argument)
            if isinstance(node, ast.Name)
        ]
        for name in (*named, *(self._unfit if len(self._unfit) == 1 else ())):
            if name in self._unfit:
                return NearMiss(name)
        spelled = dict.fromkeys(
            text for each in self._given if (text := self._spelled(each)) is not None
        )
        if spelled:
            listed = " or ".join(safe_line(f"{self._name}:{each}") for each in spelled)
            return NearMiss(
                problem="has no function that takes a trial; its study runs "
                f"{safe_line(', '.join(spelled))}",
                hint=f"Write {listed}.",
            )
        return self._without_a_name() or next(self._out_of_reach(named), None)

    def _without_a_name(self) -> NearMiss | None:
        """Return what can be typed for what a study gets from a list, a dict, a loop or a call."""
        for each in self._given:
            if isinstance(each, ast.Name):
                looped = self._looped(each.id)
                if looped:
                    listed = " or ".join(safe_line(f"{self._name}:{name}") for name in looped)
                    return NearMiss(
                        problem=f"tunes {safe_line(', '.join(looped))} in a loop "
                        f"(line {each.lineno})",
                        hint=f"Write {listed}.",
                    )
            elif isinstance(each, ast.Subscript | ast.Call):
                text = safe_line(ast.unparse(each), max_chars=_MAX_SHOWN)
                return NearMiss(
                    problem="has no function that takes a trial; its study runs "
                    f"{text} (line {each.lineno}), which has no name",
                    hint=f"Give it one at the top level of the file, objective = {text}, and "
                    f"write {safe_line(self._name)}:objective.",
                )
        return None

    def _looped(self, variable: str) -> list[str]:
        """Return the top-level names that a loop variable goes through."""
        found: list[str] = []
        for node in ast.walk(self._tree):
            match node:
                case ast.For(target=ast.Name(id=name), iter=ast.List(elts=of) | ast.Tuple(elts=of)):
                    names = [each.id for each in of if isinstance(each, ast.Name)]
                    found += [each for each in names if name == variable and each in self._top]
                case _:
                    pass
        return list(dict.fromkeys(found))

    def _is_unfit(self, name: str) -> bool:
        node = defined_at_top(self._tree, name)
        if node is None:
            return False
        if isinstance(node, ast.ClassDef):
            return self._arguments.needs_any(node) and is_called_with_trial(node, {})
        is_unfit = bool(call_problem(node)[0]) or self._arguments.needs_any(node)
        return not node.decorator_list and is_unfit and is_given_trial(node)

    def _spelled(self, node: ast.expr) -> str | None:
        """Return what can be typed for something that a study is given to run."""
        match node:
            case ast.Name(id=name) if name in self._top:
                return name
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                around = self._module.class_of.get(node)
                if owner in ("self", "cls") and around is not None:
                    owner = around.name
                defined = defined_at_top(self._tree, owner)
                found = method(defined, name, {}) if isinstance(defined, ast.ClassDef) else None
                is_static = found is not None and bool(kind_of_method(found))
                return f"{owner}.{name}" if is_static else None
            case _:
                return None

    def _out_of_reach(self, named: list[str]) -> Iterator[NearMiss]:
        """Yield the objectives that do not stand at the top level."""
        for name, nodes in self._module.definitions.items():
            node = nodes[0]
            if name in self._top or not isinstance(node, Function):
                continue
            if name not in named and not is_given_trial(node):
                continue
            if any(isinstance(each, ast.ClassDef) for each in self._module.around(node)):
                continue
            around = self._module.function_of[node]
            where = f"in the function {safe_line(around.name)}" if around is not None else ""
            if not where and any(
                node in ast.walk(each) for each in self._tree.body if is_guard(each)
            ):
                where = 'under `if __name__ == "__main__":`'
            if where:
                yield NearMiss(
                    problem=f"defines {safe_line(name)} {where} (line {node.lineno}), so it "
                    "cannot be imported",
                    hint=f"Define {safe_line(name)} at the top level of the file.",
                )


def _bound_names(statement: ast.stmt) -> set[str]:
    is_assignment = isinstance(statement, ast.Assign | ast.AnnAssign)
    return names_set_in(statement) if is_assignment else set(bound_by(statement))

"""The syntax of an objective's file, and of what it imports from its own folder or package.

Nothing is run. Modules are read when a name in them is asked for, `MAX_FILES` and `MAX_BYTES` of
them at most; what is beyond, or installed, is not known.
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.registry.source.assignments import is_self, names_set_in, whose_items_change
from hptui.registry.source.modules import find_in_folder
from hptui.registry.source.syntax import Function, parameters, takes_trial, without_first

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FILES: Final = 40
MAX_BYTES: Final = 2_000_000
_MAX_HANDED_ON: Final = 5

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Imported:
    """What a name stands for that an import has bound."""

    module: str
    """The module's dotted name, with leading dots where it is relative."""
    attribute: str = ""
    """What of it; empty where the name stands for the module."""

    @property
    def dotted(self) -> str:
        """The whole name, like `optuna.study.create_study`."""
        if not self.attribute:
            return self.module
        dot = "" if self.module.endswith(".") else "."
        return f"{self.module}{dot}{self.attribute}"


@dataclass(eq=False)
class Module:
    """A file that was read."""

    path: Path
    tree: ast.Module
    is_main: bool = False
    imports: dict[str, Imported] = field(default_factory=dict[str, Imported])
    stars: list[str] = field(default_factory=list[str])
    """The modules of which all names are imported."""
    definitions: dict[str, list[Definition]] = field(default_factory=dict[str, "list[Definition]"])
    """Functions and classes by their names, nested ones included."""
    function_of: dict[ast.AST, Function | None] = field(
        default_factory=dict[ast.AST, "Function | None"]
    )
    """The innermost function around each node; None on the top level."""
    class_of: dict[ast.AST, ast.ClassDef | None] = field(
        default_factory=dict[ast.AST, "ast.ClassDef | None"]
    )

    def __post_init__(self) -> None:
        todo: list[tuple[ast.AST, Function | None, ast.ClassDef | None]] = [(self.tree, None, None)]
        while todo:
            node, function, owner = todo.pop()
            self.function_of[node], self.class_of[node] = function, owner
            match node:
                case ast.Import() | ast.ImportFrom():
                    self._note_import(node)
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self.definitions.setdefault(node.name, []).append(node)
                    function = node
                case ast.ClassDef():
                    self.definitions.setdefault(node.name, []).append(node)
                    owner = node
                case _:
                    pass
            todo += [(child, function, owner) for child in ast.iter_child_nodes(node)]
        # What is found is looked at in the order of the lines.
        self.function_of = dict(reversed(self.function_of.items()))

    def _note_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                if alias.name == "*":
                    self.stars.append("." * node.level + (node.module or ""))
                origin = Imported("." * node.level + (node.module or ""), alias.name)
                self.imports[alias.asname or alias.name] = origin
            elif alias.asname:
                self.imports[alias.asname] = Imported(alias.name)
            else:
                top = alias.name.partition(".")[0]
                self.imports.setdefault(top, Imported(top))

    def calls(self) -> Iterator[ast.Call]:
        """Yield all calls, in the order of their lines."""
        calls = [node for node in self.function_of if isinstance(node, ast.Call)]
        yield from sorted(calls, key=lambda call: (call.lineno, call.col_offset))

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the functions and classes around a node, from the inside."""
        function = self.function_of.get(node)
        owner = self.class_of.get(node)
        while function is not None:
            yield function
            owner = owner or self.class_of.get(function)
            function = self.function_of.get(function)
        while owner is not None:
            yield owner
            owner = self.class_of.get(owner)

    def dotted(self, node: ast.expr) -> str:
        """Return the imported name that an expression spells, like `optuna.create_study`."""
        match node:
            case ast.Name(id=name):
                origin = self.imports.get(name)
                return "" if origin is None else origin.dotted
            case ast.Attribute(value=value, attr=name):
                before = self.dotted(value)
                return f"{before}.{name}" if before else ""
            case _:
                return ""

    def _takes_trial(self, function: Function) -> bool:
        is_method = self.is_method(function) and takes_trial(without_first(function.args))
        return is_method or takes_trial(function.args)

    def is_method(self, definition: Definition) -> bool:
        """Say whether a function or class stands in the body of a class."""
        owner = self.class_of[definition]
        return owner is not None and definition in owner.body

    @cached_property
    def names(self) -> set[str]:
        """All that it sets, imports and defines."""
        return names_set_in(self.tree)

    @cached_property
    def runs_code(self) -> bool:
        """Whether any variable may be set, by `exec` or in what `globals()` returns."""
        return any(
            isinstance(call.func, ast.Name) and call.func.id in ("exec", "globals")
            for call in self.calls()
        )

    @cached_property
    def set_from_inside(self) -> set[str]:
        """The variables of the module that functions set, or change the items of."""
        found = {
            name
            for node in self.function_of
            if isinstance(node, ast.Global | ast.Nonlocal)
            for name in node.names
        }
        for function in self.function_of:
            if isinstance(function, Function):
                own = names_set_in(function) | parameters(function)
                changed = whose_items_change(function)
                found |= {each.id for each in changed if isinstance(each, ast.Name)} - own
        return found

    @cached_property
    def set_elsewhere(self) -> set[str]:
        """The names that it may set in other modules: `config.NAME`, or items of an import."""
        changed: list[ast.expr] = [
            node
            for node in self.function_of
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)
        ]
        changed += whose_items_change(self.tree)
        names = {
            each.attr
            for each in changed
            if isinstance(each, ast.Attribute) and not is_self(each.value)
        }
        imported = {each.id for each in changed if isinstance(each, ast.Name)} & set(self.imports)
        return names | {self.imports[each].attribute for each in imported}

    @cached_property
    def local_to_expressions(self) -> set[ast.AST]:
        """The uses of names that a lambda or a comprehension binds."""
        found: set[ast.AST] = set()
        for node in self.function_of:
            match node:
                case ast.Lambda(args=arguments):
                    bound = {each.arg for each in ast.walk(arguments) if isinstance(each, ast.arg)}
                case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                    bound = names_set_in(node)
                case _:
                    continue
            found |= {
                each for each in ast.walk(node) if isinstance(each, ast.Name) and each.id in bound
            }
        return found

    @cached_property
    def inside(self) -> set[ast.AST]:
        """What runs in a trial, and the functions that it calls: their studies are inner ones."""
        todo: list[Definition] = [
            node
            for nodes in self.definitions.values()
            for node in nodes
            if isinstance(node, Function) and (node.name == "objective" or self._takes_trial(node))
        ]
        inside: set[ast.AST] = set()
        while todo:
            node = todo.pop()
            inside.add(node)
            for call in ast.walk(node):
                match call:
                    case ast.Call(func=ast.Name(id=name)):
                        pass
                    case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                        pass
                    case _:
                        continue
                todo += [each for each in self.definitions.get(name, ()) if each not in inside]
        return inside

    def is_inside(self, node: ast.AST) -> bool:
        """Say whether a node stands in an objective, whose studies are inner ones."""
        return any(each in self.inside for each in self.around(node))


class OwnCode:
    """The modules of one objective.

    Args:
        tree: The objective's file.
        path: Where it stands.
    """

    def __init__(self, tree: ast.Module, path: Path) -> None:
        self.main = Module(path, tree, is_main=True)
        self._folder = path.parent
        self._top = self._folder
        while (self._top / "__init__.py").is_file() and self._top != self._top.parent:
            self._top = self._top.parent
        self._modules: dict[Path, Module | None] = {path: self.main}
        self._places: dict[str, Path | None] = {}
        self._n_bytes = 0

    def module(self, dotted: str, user: Module) -> Module | None:
        """Return a module that `user` imports by this name; None where it is not own code."""
        level = len(dotted) - len(dotted.lstrip("."))
        name = dotted[level:]
        if level:
            folder = user.path.parent
            for _ in range(level - 1):
                folder = folder.parent
            return self._read(self._in(folder, name) if name else folder / "__init__.py")
        if name not in self._places:
            folders = dict.fromkeys((self._folder, self._top, Path.cwd()))
            found = (self._in(folder, name) for folder in folders)
            self._places[name] = next(
                (path for path in found if path is not None and self._is_own(path)), None
            )
        return self._read(self._places[name])

    @cached_property
    def modules(self) -> list[Module]:
        """All that the objective's file imports of its own folder or package, itself included."""
        found = [self.main]
        for user in found:
            for origin in user.imports.values():
                # The name may be one in the module, or a module of the package.
                named = (self.module(origin.module, user), self.module(origin.dotted, user))
                found += [each for each in dict.fromkeys(named) if each and each not in found]
        return found

    def find(self, node: ast.expr, user: Module) -> tuple[Module, str] | None:
        """Return the own module, and the name in it, that an expression in `user` spells."""
        if isinstance(node, ast.Name) and node.id not in user.imports:
            return self._find_in_stars(node.id, user)
        dotted = user.dotted(node)
        module, _, name = dotted.rpartition(".")
        if not module.strip("."):
            # `from . import name`
            module = dotted[: len(dotted) - len(dotted.lstrip("."))]
            name = dotted.lstrip(".")
        found = self.module(module, user) if module and name else None
        return None if found is None else (found, name)

    def _find_in_stars(self, name: str, user: Module) -> tuple[Module, str] | None:
        origins = (self.module(each, user) for each in user.stars)
        return next(((each, name) for each in origins if each and name in each.names), None)

    def definitions(self, node: ast.expr, user: Module) -> list[tuple[Module, Definition]]:
        """Return the functions and classes of own code that an expression may stand for."""
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                return [(user, each) for each in user.definitions.get(name, ())]
            case _:
                pass
        for _ in range(_MAX_HANDED_ON):
            if isinstance(node, ast.Name):
                named = user.definitions.get(node.id, ())
                plain = [(user, each) for each in named if not user.is_method(each)]
                if plain:
                    return plain
            found = self.find(node, user)
            if found is None:
                break
            # A package hands on what its modules define.
            user, node = found[0], ast.Name(found[1])
        return []

    def _in(self, folder: Path, name: str) -> Path | None:
        return find_in_folder(name, folder) if name else None

    def _is_own(self, path: Path) -> bool:
        for folder in (self._folder, Path.cwd()):
            if path.is_relative_to(folder):
                return "site-packages" not in path.relative_to(folder).parts
        # In the same package, higher up.
        return path.relative_to(self._top).parts[0] == self._folder.relative_to(self._top).parts[0]

    def _read(self, path: Path | None) -> Module | None:
        if path is None:
            return None
        if path not in self._modules:
            self._modules[path] = self._parsed(path) if len(self._modules) < MAX_FILES else None
        return self._modules[path]

    def _parsed(self, path: Path) -> Module | None:
        try:
            if path.suffix != ".py" or not path.is_file():
                return None
            self._n_bytes += path.stat().st_size
            if self._n_bytes > MAX_BYTES:
                return None
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return Module(path, ast.parse(path.read_bytes()))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            return None

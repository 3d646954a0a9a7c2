"""The house as a whole: small import cycles, short chains of base classes, widgets on their own.

Imports for the type checker alone count like any other: who reads a module meets them, too.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grimp
import pytest
from textual.widget import Widget

import hptui.ui
from hptui.ui.application.command_screen import CommandScreen

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CYCLE = 3
MAX_OWN_BASES = 2


@cache
def imports() -> dict[str, frozenset[str]]:
    """Return for each module of hptui those that it imports."""
    graph = grimp.build_graph("hptui", exclude_type_checking_imports=False, cache_dir=None)
    return {
        module: frozenset(graph.find_modules_directly_imported_by(module))
        for module in graph.modules
    }


def reached_from(module: str, imported: dict[str, frozenset[str]]) -> set[str]:
    """Return all modules that a module imports, directly or through others."""
    found, new = set[str](), [module]
    while new:
        more = imported[new.pop()] - found
        found |= more
        new += more
    return found


def cycles(imported: dict[str, frozenset[str]]) -> list[list[str]]:
    """Return the groups of modules in which each imports each other, directly or through others."""
    reached = {module: reached_from(module, imported) for module in imported}
    rings = {
        frozenset(other for other in reached[module] if module in reached[other])
        for module in imported
        if module in reached[module]
    }
    return sorted(sorted(ring) for ring in rings)


def test_cycles_are_found():
    imported = {
        "a": {"b"},
        "b": {"c"},
        "c": {"d"},
        "d": {"a", "e"},
        "e": {"f"},
        "f": {"e"},
        "g": {"a"},
    }
    frozen = {module: frozenset(others) for module, others in imported.items()}
    assert cycles(frozen) == [["a", "b", "c", "d"], ["e", "f"]]


def test_no_import_cycle_is_large():
    large = [ring for ring in cycles(imports()) if len(ring) > MAX_CYCLE]
    assert not large, "\n".join(" ".join(ring) for ring in large)


def _subclasses(base: type[Any]) -> list[type[Any]]:
    """Return hptui's classes below a class."""
    for module in pkgutil.walk_packages(hptui.ui.__path__, "hptui.ui."):
        importlib.import_module(module.name)
    found, new = set[type[Any]](), [base]
    while new:
        subclasses = new.pop().__subclasses__()
        found |= set(subclasses)
        new += subclasses
    return [kind for kind in found if kind.__module__.startswith("hptui.")]


def own_bases(kind: type[object]) -> int:
    """Return how long the longest chain of hptui's own classes above a class is."""
    own = [base for base in kind.__bases__ if base.__module__.startswith("hptui.")]
    return max((1 + own_bases(base) for base in own), default=0)


def test_screens_and_widgets_are_composed_not_inherited():
    ours = _subclasses(Widget)
    assert len(ours) > 50
    tall = sorted(kind.__qualname__ for kind in ours if own_bases(kind) > MAX_OWN_BASES)
    assert not tall, f"more than {MAX_OWN_BASES} of our own classes above: {', '.join(tall)}"


def test_only_those_who_start_it_know_the_application():
    app = "hptui.ui.application.app"
    who = {module for module, imported in imports().items() if app in imported}
    assert who == {"hptui.cli.commands.application", "hptui.ui.driving.drive"}


def test_widgets_know_neither_screens_nor_dialogs():
    widgets = [module for module in imports() if module.startswith("hptui.ui.widgets.")]
    assert len(widgets) > 10
    known = {
        (module, other)
        for module in widgets
        for other in reached_from(module, imports())
        if other.startswith("hptui.ui.")
        and (other.endswith(("_screen", ".stacked", ".app")) or ".dialogs." in other)
    }
    assert not known


def test_screens_are_made_where_all_are_made_and_known_to_no_widget():
    """A screen may open one of its own; everybody else asks the services."""
    screens = {kind.__module__ for kind in _subclasses(CommandScreen)}
    who = {
        module
        for module, imported in imports().items()
        if module not in screens and imported & screens
    }
    assert who == {"hptui.ui.application.all_screens"}


# -- one `plural()`

VERBS = {"is": "are", "has": "have", "was": "were", "its": "their", "it": "them", "does": "do"}
COUNTED = re.compile(
    r"#[ ](?:[a-z]+[ ])?(?:causes|columns|commands|cores|devices|edits|failures|files|goals|lines"
    r"|numbers|objectives|parameters|params|processes|reports|rows|steps|studies|times|trials"
    r"|values|warnings|workers)\b"
)


def _is_count(node: ast.expr) -> bool:
    """Say whether an expression is named or made as counts are here."""
    if isinstance(node, ast.BinOp):
        return _is_count(node.left) or _is_count(node.right)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "len"
    name = getattr(node, "id", None) or getattr(node, "attr", None) or ""
    return bool(re.search(r"^_?n_[a-z]|count|number|failed|needed|total|kept|left", name))


def _text_of(node: ast.expr) -> str | None:
    """Return a text as written, with `#` for counts and `_` for what else is put in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(each.value)
            if isinstance(each, ast.Constant)
            else "_#"[isinstance(each, ast.FormattedValue) and _is_count(each.value)]
            for each in node.values
        )
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def _is_plural_of(more: str, one: str) -> bool:
    if {one, more} == {"", "s"}:
        return True
    pairs = zip(one.split(), more.split(), strict=False)
    return any(b in (f"{a}s", f"{a}es", VERBS.get(a)) or (a, b) == ("1", "#") for a, b in pairs)


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in (1, 2)


def hand_made_plurals(tree: ast.AST) -> Iterator[str]:
    """Tell the places where a text bends to a count without `plural` or `by_count`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.IfExp) and isinstance(node.test, ast.Compare):
            choices = [(node.body, node.orelse)]
            if isinstance(node.body, ast.Tuple) and isinstance(node.orelse, ast.Tuple):
                choices = list(zip(node.body.elts, node.orelse.elts, strict=False))
            for body, orelse in choices:
                one, more = _text_of(body), _text_of(orelse)
                if one is None or more is None or not any(map(_is_one, node.test.comparators)):
                    continue
                if _is_plural_of(more, one) or _is_plural_of(one, more):
                    yield f"{node.lineno}: {one!r} or {more!r}"
        elif isinstance(node, ast.JoinedStr) and COUNTED.search(_text_of(node) or ""):
            yield f"{node.lineno}: {_text_of(node)!r}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "(s)" in node.value:
            yield f"{node.lineno}: {node.value!r}"


@pytest.mark.parametrize(
    "code",
    [
        "f'{n} trial' if n == 1 else f'{n} trials'",
        "'' if n == 1 else 's'",
        "'is' if n == 1 else 'are'",
        "('are', 'their') if n > 1 else ('is', 'its')",
        "'1 study' if n == 1 else f'{n_studies} studies'",
        "'trial(s)'",
        "f'{n_ended:,} trials ended'",
        "f'{len(numbers)} failed trials'",
    ],
)
def test_hand_made_plurals_are_found(code: str):
    assert list(hand_made_plurals(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "plural(n, 'trial')",
        "'value' if n == 1 else f'value {n}'",
        "f'no more than {MAX_TRIALS} trials'",
        "f'trial {n}' if n > 1 else ''",
    ],
)
def test_other_texts_are_no_hand_made_plurals(code: str):
    assert not list(hand_made_plurals(ast.parse(code)))


def test_counts_and_their_nouns_agree_in_one_place():
    root = Path(hptui.ui.__path__[0]).parent
    found = [
        f"{path.relative_to(root)}:{place}"
        for path in sorted(root.rglob("*.py"))
        if path.name != "readable.py"
        for place in hand_made_plurals(ast.parse(path.read_text()))
    ]
    assert not found, "\n".join(["plural() and by_count() of domain/texts/readable.py:", *found])


def test_what_is_called_once_later_is_called_however_late():
    root = Path(hptui.ui.__path__[0])
    using = [path for path in root.rglob("*.py") if ".set_timer(" in path.read_text()]
    assert [path.name for path in using] == ["later.py"], "call_after() of ui/widgets/later.py"

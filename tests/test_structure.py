"""The house as a whole: small import cycles, short chains of base classes, widgets on their own.

Imports for the type checker alone count like any other: who reads a module meets them, too.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

import grimp
from textual.widget import Widget

import hptui.ui
from hptui.ui.application.command_screen import CommandScreen

MAX_CYCLE = 3
MAX_OWN_BASES = 2


@cache
def imports() -> dict[str, frozenset[str]]:
    """Return for each module of hptui those that it imports."""
    graph = grimp.build_graph("hptui", exclude_type_checking_imports=False, cache_dir=None)
    # The package itself is imported before any module of it, and offers some by their names.
    return {
        module: frozenset(graph.find_modules_directly_imported_by(module)) - {"hptui"}
        for module in graph.modules - {"hptui"}
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

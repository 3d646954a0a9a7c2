"""Whether a file is a script that optimizes a study when it is run, told by reading it."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, Final

from hptui.registry.source.guarded_names import is_guard
from hptui.registry.source.own_code import Module, OwnCode
from hptui.registry.source.syntax import called_name, top_level

if TYPE_CHECKING:
    from pathlib import Path


ASKS_ITSELF: Final = (
    "asks for its trials itself ({where}: study.ask), so hptui cannot run them",
    "Put what it does with one trial into a function objective(trial) that returns the value, "
    "and call study.optimize(objective, n_trials=...) instead of the loop.",
)
"""What to say of a script with a loop of its own, and what to do about it."""

_SEARCHES: Final = (
    *(".OptunaSearchCV", ".LightGBMTuner", ".LightGBMTunerCV"),
    *(".lightgbm.train", ".lightgbm.LGBMClassifier", ".lightgbm.LGBMRegressor"),
)
"""What optimizes a study of its own, by how the names end."""


def asks_at(source: bytes, path: Path) -> int | None:
    """Return the line of the first `study.ask()` in a file that uses Optuna; None without one."""
    tree = _parsed(source)
    main = None if tree is None else Module(path, tree)
    if main is None or not _knows_optuna(main):
        return None
    return next(
        (
            call.lineno
            for call in main.calls()
            if isinstance(call.func, ast.Attribute) and call.func.attr == "ask"
        ),
        None,
    )


def is_script(source: bytes, path: Path) -> bool:
    """Say whether `python path` calls `Study.optimize`, as far as reading it tells.

    The call stands at the file's top level or under its main guard, or in a function of the file
    or of its own modules, where the file does anything at its top level but define. It may be made
    by a search of optuna-integration. What stands in an objective is a study of each trial.
    """
    tree = _parsed(source)
    if tree is None:
        return False
    code = OwnCode(tree, path)
    if _optimizes_at_top(code.main):
        return True
    return _does_something(code.main) and (
        any(map(_has_call, code.modules)) or any(map(_searches, code.modules))
    )


def _parsed(source: bytes) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _uses(module: Module) -> list[ast.expr]:
    """Return where a method `optimize` is called with an argument, or handed on to be called.

    It is outside of objectives, and no part of another name, like `scipy.optimize.minimize`.
    """
    nodes = list(module.function_of)
    inner = {node.value for node in nodes if isinstance(node, ast.Attribute)}
    called = {node.func: node for node in nodes if isinstance(node, ast.Call)}
    found: list[ast.expr] = []
    for node in nodes:
        if not isinstance(node, ast.Attribute) or node.attr != "optimize" or node in inner:
            continue
        call = called.get(node)
        is_used = (
            _knows_optuna(module) and module.dotted(node).partition(".")[0] in ("", "optuna")
            if call is None
            else bool(call.args or call.keywords)
        )
        if is_used and isinstance(node.ctx, ast.Load) and not module.is_inside(node):
            found.append(node)
    return found


def _knows_optuna(module: Module) -> bool:
    return any(each.module.partition(".")[0] == "optuna" for each in module.imports.values())


def _has_call(module: Module) -> bool:
    return _knows_optuna(module) and bool(_uses(module))


def _searches(module: Module) -> bool:
    """Say whether a module calls what optimizes a study of its own, outside of objectives."""
    return any(
        name.startswith(("optuna_integration.", "optuna.integration.")) and name.endswith(_SEARCHES)
        for call in module.calls()
        if (name := module.dotted(call.func)) and not module.is_inside(call)
    )


def _optimizes_at_top(module: Module) -> bool:
    return any(
        module.function_of[node] is None and module.class_of[node] is None for node in _uses(module)
    )


def _does_something(module: Module) -> bool:
    """Say whether a file has a main guard, or calls own code at its top level."""
    if any(map(is_guard, module.tree.body)):
        return True
    own = {*module.definitions, *module.imports}
    simple = ast.Expr | ast.Assign | ast.AnnAssign | ast.For | ast.While | ast.With
    return any(
        isinstance(node, ast.Call)
        and (called_name(node) in own or isinstance(node.func, ast.Attribute))
        for statement in top_level(module.tree.body)
        if isinstance(statement, simple)
        for node in ast.walk(statement)
        if module.function_of[node] is None
    )

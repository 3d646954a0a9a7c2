"""Whether a file is a script that optimises a study when it is run, told by reading it."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING

from hptui.registry.guarded_names import is_guard
from hptui.registry.own_code import Module, OwnCode
from hptui.registry.syntax import called_name, top_level

if TYPE_CHECKING:
    from pathlib import Path


def is_script(source: bytes, path: Path) -> bool:
    """Say whether `python path` calls `Study.optimize`, as far as reading it tells.

    The call stands at the file's top level or under its main guard, or in a function of the file
    or of its own modules, where the file does anything at its top level but define. What stands in
    an objective is a study of each trial.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    code = OwnCode(tree, path)
    if _optimises_at_top(code.main):
        return True
    return _does_something(code.main) and any(map(_has_call, code.modules))


def _calls(module: Module) -> list[ast.Call]:
    """Return the calls of a method `optimize` with an argument, outside of objectives."""
    return [
        call
        for call in module.calls()
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "optimize"
        and (call.args or call.keywords)
        and not module.is_inside(call)
    ]


def _has_call(module: Module) -> bool:
    uses_optuna = any(each.module.partition(".")[0] == "optuna" for each in module.imports.values())
    return uses_optuna and bool(_calls(module))


def _optimises_at_top(module: Module) -> bool:
    return any(
        module.function_of[call] is None and module.class_of[call] is None
        for call in _calls(module)
    )


def _does_something(module: Module) -> bool:
    """Say whether a file has a main guard, or calls own code at its top level."""
    if any(map(is_guard, module.tree.body)):
        return True
    own = {*module.definitions, *module.imports}
    return any(
        isinstance(statement, ast.Expr | ast.Assign)
        and isinstance(statement.value, ast.Call)
        and (called_name(statement.value) in own or isinstance(statement.value.func, ast.Attribute))
        for statement in top_level(module.tree.body)
    )

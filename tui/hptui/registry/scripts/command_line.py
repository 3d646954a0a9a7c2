"""What a script's own command line gives where nobody types anything: `python file.py`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hptui.registry.source.syntax import called_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.registry.source.own_code import Module
    from hptui.registry.source.syntax import Function

_FLAGS: Final = {"store_true": False, "store_false": True}


def parsed_default(module: Module, name: str) -> ast.expr | None:
    """Return what `name` of the arguments that argparse reads is by default.

    Returns:
        None where there is no such argument, it has no default, or more than one place sets it.
    """
    calls = list(module.calls())
    later = [
        each for call in calls if called_name(call) == "set_defaults" for each in call.keywords
    ]
    if any(each.arg in (name, None) for each in later):
        return None
    added = [call for call in calls if called_name(call) == "add_argument" and _added(call) == name]
    return _parsed(added[0]) if len(added) == 1 else None


def clicked_defaults(function: Function) -> dict[str, ast.expr | None] | None:
    """Return what click gives the parameters of a function; None where it does not call it."""
    options = {
        _clicked_name(each): _clicked(each)
        for each in function.decorator_list
        if isinstance(each, ast.Call) and called_name(each) in ("option", "argument")
    }
    return options or None


def _parsed(call: ast.Call) -> ast.expr | None:
    default, converted = keyword(call, "default"), keyword(call, "type")
    action = keyword(call, "action")
    is_required = keyword(call, "required") is not None
    is_positional = not _texts(call)[0].startswith("-") and keyword(call, "nargs") is None
    if is_required or is_positional:
        return None
    if converted is not None and not (isinstance(converted, ast.Name) and converted.id == "str"):
        return None
    if default is None and isinstance(action, ast.Constant) and action.value in _FLAGS:
        return ast.copy_location(ast.Constant(_FLAGS[action.value]), call)
    return default


def _clicked(call: ast.Call) -> ast.expr | None:
    default, is_flag = keyword(call, "default"), keyword(call, "is_flag")
    if default is None and isinstance(is_flag, ast.Constant) and is_flag.value is True:
        return ast.copy_location(ast.Constant(value=False), call)
    return None if keyword(call, "callback") or keyword(call, "envvar") else default


def _added(call: ast.Call) -> str:
    """Return the name that argparse keeps an argument by."""
    stored = keyword(call, "dest")
    if isinstance(stored, ast.Constant):
        return str(stored.value)
    texts = _texts(call)
    long = [each for each in texts if each.startswith("--")]
    return (long or texts or [""])[0].lstrip("-").replace("-", "_")


def _clicked_name(call: ast.Call) -> str:
    """Return the parameter that click gives an option to."""
    texts = [part for each in _texts(call) for part in each.split("/")[:1]]
    plain = [each for each in texts if each.isidentifier()]
    if plain:
        return plain[0]
    long = [each for each in texts if each.startswith("--")]
    return (long or texts or [""])[0].lstrip("-").replace("-", "_").lower()


def _texts(call: ast.Call) -> list[str]:
    return list(_strings(call)) or [""]


def _strings(call: ast.Call) -> Iterator[str]:
    for each in call.args:
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return what a call gives for a keyword."""
    return next((each.value for each in call.keywords if each.arg == name), None)

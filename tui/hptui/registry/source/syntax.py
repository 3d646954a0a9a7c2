"""Questions about the syntax of an objective: what runs on import, what a function takes."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Function = ast.FunctionDef | ast.AsyncFunctionDef

_OF_ASYNC: Final = "Tune a plain function that runs it, with asyncio.run for example."
_OF_NOTHING: Final = "Give it one parameter, the trial."
_PLAIN_BASES: Final = frozenset({"object", "ABC", "Generic", "NamedTuple", "Protocol", "BaseModel"})
_PLAIN_DECORATORS: Final = frozenset(
    {"argument", "cache", "classmethod", "command", "contextmanager", "lru_cache", "option"}
    | {"pass_context", "staticmethod"}
)


def top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run on import, those inside `if`, `try` and `with` included.

    What stands under `if __name__ == "__main__":` does not.
    """
    for statement in body:
        yield statement
        match statement:
            case ast.If(test=test) if not _is_main_guard(test):
                yield from top_level(statement.body)
                yield from top_level(statement.orelse)
            case ast.Try():
                yield from top_level(statement.body)
                for handler in statement.handlers:
                    yield from top_level(handler.body)
                yield from top_level(statement.orelse + statement.finalbody)
            case ast.With():
                yield from top_level(statement.body)
            case _:
                pass


def _is_main_guard(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test))


def bound_by(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node binds by itself, without its parts; `*` for a star import."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (each.asname or each.name.partition(".")[0] for each in names)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield name
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            yield name
        case _:
            pass


def called_name(call: ast.Call) -> str:
    """Return the last name of what is called: `create_study` of `optuna.create_study()`."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def parameters(function: Function) -> set[str]:
    """Return the names of all parameters."""
    return {each.arg for each in ast.walk(function.args) if isinstance(each, ast.arg)}


def without_first(arguments: ast.arguments) -> ast.arguments:
    """Return the parameters of a method without `self`."""
    return ast.arguments(
        posonlyargs=[],
        args=_positional(arguments)[1:],
        vararg=arguments.vararg,
        kwonlyargs=arguments.kwonlyargs,
        kw_defaults=arguments.kw_defaults,
        kwarg=arguments.kwarg,
        defaults=arguments.defaults,
    )


def takes_trial(arguments: ast.arguments) -> bool:
    """Say whether the first parameter is named `trial` or annotated as a Trial."""
    names = _positional(arguments)
    if not names:
        return False
    annotation = ast.unparse(names[0].annotation).strip("'\"") if names[0].annotation else ""
    return names[0].arg == "trial" or annotation.split(".")[-1] in ("Trial", "BaseTrial")


def is_given_trial(function: Function | ast.Lambda) -> bool:
    """Say whether the first parameter is a trial: by its name, its annotation or its use."""
    if takes_trial(function.args):
        return True
    first = next((each.arg for each in _positional(function.args)), None)
    return any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == first
        and node.attr.startswith("suggest_")
        for node in ast.walk(function)
    )


def names_optimized(tree: ast.Module) -> list[ast.expr]:
    """Return what the calls of `optimize` in a file are given to run."""
    calls = [each for each in ast.walk(tree) if isinstance(each, ast.Call)]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    return [
        argument
        for call in calls
        if called_name(call) == "optimize" and isinstance(call.func, ast.Attribute)
        for argument in (
            *call.args[:1],
            *(each.value for each in call.keywords if each.arg == "func"),
        )
    ]


def bound_partially(call: ast.Call, arguments: ast.arguments) -> ast.arguments:
    """Return the parameters that are left of a function in `functools.partial(function, …)`."""
    positional = _positional(arguments)
    n_needed = len(positional) - len(arguments.defaults)
    defaults: list[ast.expr | None] = [*[None] * n_needed, *arguments.defaults]
    given: dict[str | None, ast.expr] = {each.arg: each.value for each in call.keywords}
    left = list(zip(positional, defaults, strict=True))[len(call.args) - 1 :]
    named = [*left[1:], *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    return ast.arguments(
        posonlyargs=[],
        args=[each for each, _ in left[:1] if each.arg not in given],
        vararg=arguments.vararg,
        kwonlyargs=[each for each, _ in named],
        kw_defaults=[given.get(each.arg, default) for each, default in named],
        kwarg=arguments.kwarg,
        defaults=[],
    )


def other_arguments(arguments: ast.arguments) -> list[str]:
    """Return the names that a call must give besides the first one."""
    names = _positional(arguments)
    needed = names[1 : len(names) - len(arguments.defaults)]
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return [each.arg for each in needed] + [each.arg for each, value in pairs if value is None]


def _positional(arguments: ast.arguments) -> list[ast.arg]:
    return [*arguments.posonlyargs, *arguments.args]


def call_problem(node: Function | ast.ClassDef) -> tuple[str, str]:
    """Say why a function cannot be called with a trial.

    Returns:
        What is wrong, and what to do about it; both empty where nothing is known.
    """
    if isinstance(node, ast.ClassDef):
        return "", ""
    where = f"line {node.lineno}: {node.name}"
    if isinstance(node, ast.AsyncFunctionDef):
        return f"{where} is async, but an objective must be a plain function", _OF_ASYNC
    if not _positional(node.args) and not node.args.vararg:
        return f"{where} takes no trial", _OF_NOTHING
    return "", ""


def n_values(node: ast.AST) -> int | None:
    """Return how many values a function, lambda or class with `__call__` returns, where it tells.

    It does where each `return` has a list or tuple that is written out, of one length.
    """
    if isinstance(node, ast.ClassDef):
        call = method(node, "__call__", {})
        return None if call is None else n_values(call)
    if isinstance(node, ast.Lambda):
        returned: list[ast.expr | None] = [node.body]
    elif isinstance(node, ast.FunctionDef):
        returned = list(_returned(node.body))
    else:
        return None
    lengths = {_length(each) for each in returned}
    return lengths.pop() if len(lengths) == 1 else None


def _length(node: ast.expr | None) -> int | None:
    if not isinstance(node, ast.List | ast.Tuple):
        return None
    return None if any(isinstance(each, ast.Starred) for each in node.elts) else len(node.elts)


def _returned(body: list[ast.stmt]) -> Iterator[ast.expr | None]:
    """Yield what a function's own `return` statements return."""
    todo: list[ast.AST] = list(body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Return):
            yield node.value
        elif not isinstance(node, Function | ast.ClassDef | ast.Lambda):
            todo += ast.iter_child_nodes(node)


def returns_something(function: ast.FunctionDef) -> bool:
    """Say whether there is a `return` with a value anywhere in the function."""
    return any(isinstance(each, ast.Return) and each.value for each in ast.walk(function))


def method(node: ast.ClassDef, name: str, known: Mapping[str, ast.ClassDef]) -> Function | None:
    """Return a method of a class, or of those of its bases that are `known`."""
    for statement in node.body:
        if isinstance(statement, Function) and statement.name == name:
            return statement
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in known:
            # Without the rest of `known`, so that a circle of bases ends.
            found = method(known[base.id], name, {})
            if found is not None:
                return found
    return None


def is_called_with_trial(node: ast.ClassDef, known: Mapping[str, ast.ClassDef]) -> bool:
    """Say whether the class has a `__call__(self, trial)`."""
    call = method(node, "__call__", known)
    if call is None or len(_positional(call.args)) < 2:  # noqa: PLR2004 - self and trial
        return False
    rest = without_first(call.args)
    return takes_trial(rest) and not other_arguments(rest)


def kind_of_method(function: Function) -> str:
    """Return `staticmethod` or `classmethod`, or an empty text for a plain method."""
    names = [_last_name(each) for each in function.decorator_list]
    return next((each for each in names if each in ("staticmethod", "classmethod")), "")


def summary_of(node: ast.AST) -> str:
    """Return the first line of the docstring of a function or class."""
    if not isinstance(node, Function | ast.ClassDef):
        return ""
    lines = (ast.get_docstring(node) or "").strip().splitlines()
    return lines[0] if lines else ""


def has_plain_decorators(function: Function) -> bool:
    """Say whether a call of a function gives its parameters the defaults that are written."""
    return all(_last_name(each) in _PLAIN_DECORATORS for each in function.decorator_list)


def has_plain_bases(owner: ast.ClassDef) -> bool:
    """Say whether the bases of a class leave its attributes as they are written."""
    return all(_last_name(each) in _PLAIN_BASES for each in owner.bases)


def _last_name(node: ast.expr) -> str:
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return ast.unparse(node).rpartition(".")[2]

"""How often a script optimizes the study that it is about to optimize, told by its frames.

Many optimize one study again and again, a trial at a time, to save it in between or to go on with
more trials. Only the first of these calls is ever made. What the others would do is told by the
syntax around that call and by the values that the script has at that moment: a loop in which the
study stays the same is counted where it goes over something whose length is known.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.registry.source.own_code import Module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import FrameType

_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_Loop = ast.For | ast.While | ast.AsyncFor | _Comprehension
_SAME_LENGTH: Final = frozenset(
    {"tqdm", "track", "list", "tuple", "enumerate", "reversed", "sorted"}
)
_MAX_CALLS: Final = 1_000_000
_OPERATORS: Final[dict[type[ast.operator], Callable[[int, int], int]]] = {
    ast.Add: lambda one, two: one + two,
    ast.Sub: lambda one, two: one - two,
    ast.Mult: lambda one, two: one * two,
    ast.FloorDiv: lambda one, two: one // two if two else 0,
}


@dataclass(frozen=True, slots=True)
class Repeats:
    """The calls of `Study.optimize` that a script makes from one place on."""

    n_calls: int | None = 1
    """How many are of this study and objective; None where that cannot be told."""
    n_trials: int | None = None
    """How many trials they ask for in all; None where they do not say."""
    has_more: bool = False
    """Whether there may be more, of other studies or objectives."""


def repeats_of(
    tree: ast.Module, path: Path, frame: FrameType | None, study: object, n_trials: int | None
) -> Repeats:
    """Return how often a script optimizes a study, and with how many trials.

    Args:
        tree: The script.
        path: Its file.
        frame: From where `study.optimize` is called, or a frame that this one has called.
        study: The study.
        n_trials: How many trials this call asks for.
    """
    module = Module(path, tree)
    found = Repeats(1, n_trials)
    in_script = list(_frames_in(path, frame))
    # Lambdas and comprehensions stand in lines of the function around them.
    frames = [
        each
        for each in in_script
        if not each.f_code.co_name.startswith("<") or each.f_code.co_name == "<module>"
    ]
    counted: set[ast.AST] = set()
    for index, each in enumerate(frames):
        function = _function_at(module, each)
        names = _names_of(study, each)
        if index == 0:
            found, counted = _with_later_calls(module, function, each, names, found)
        for loop in _loops_at(module, function, each.f_lineno):
            if not names - _stored(loop):
                return replace(found, has_more=True)
            found = _times(found, _count(loop, each))
    if not in_script and any(map(_is_handed_on_again, ast.walk(tree))):
        # It runs in threads, each of which asks for so many.
        found = replace(found, n_calls=None, n_trials=None)
    others = [
        call
        for call in module.calls()
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "optimize"
        and not module.is_inside(call.func)
    ]
    lines = {each.f_lineno for each in in_script}
    is_other = [
        call not in counted
        and not any(call.lineno <= line <= (call.end_lineno or call.lineno) for line in lines)
        for call in others
    ]
    return replace(found, has_more=found.has_more or any(is_other))


def _is_handed_on_again(node: ast.AST) -> bool:
    """Say whether a loop hands `study.optimize` on to be called."""
    if not isinstance(node, _Loop):
        return False
    inner = list(ast.walk(node))
    called = {each.func for each in inner if isinstance(each, ast.Call)}
    return any(
        isinstance(each, ast.Attribute)
        and each.attr == "optimize"
        and each not in called
        and isinstance(each.value, ast.Name | ast.Attribute)
        and _dotted(each.value) not in _stored(node)
        for each in inner
    )


def _times(found: Repeats, count: int | None) -> Repeats:
    if count is None or found.n_calls is None or found.n_calls * count > _MAX_CALLS:
        return replace(found, n_calls=None, n_trials=None)
    total = None if found.n_trials is None else found.n_trials * count
    return replace(found, n_calls=found.n_calls * count, n_trials=total)


def _frames_in(path: Path, frame: FrameType | None) -> Iterator[FrameType]:
    """Yield the frames of a script's own functions and of itself, from the inside."""
    while frame is not None:
        if frame.f_code.co_filename == str(path):
            yield frame
        frame = frame.f_back


def _function_at(module: Module, frame: FrameType) -> ast.AST | None:
    """Return the function that a frame runs; None for the module."""
    if frame.f_code.co_name == "<module>":
        return None
    for definition in module.definitions.get(frame.f_code.co_name, ()):
        first = min([definition.lineno, *(each.lineno for each in definition.decorator_list)])
        if first == frame.f_code.co_firstlineno:
            return definition
    return None


def _loops_at(module: Module, function: ast.AST | None, line: int) -> list[_Loop]:
    """Return the loops of a function around a line, from the inside."""
    loops = [
        node
        for node, owner in module.function_of.items()
        if isinstance(node, _Loop) and owner is function and node is not function
        if (node.lineno if isinstance(node, _Comprehension) else node.body[0].lineno) <= line
        if line <= (node.end_lineno or line)
    ]
    return sorted(loops, key=lambda loop: loop.lineno, reverse=True)


def _names_of(study: object, frame: FrameType) -> set[str]:
    """Return the variables of a frame that are the study, and their parts: `self.study`."""
    found: set[str] = set()
    for name, value in {**frame.f_globals, **frame.f_locals}.items():
        if value is study:
            found.add(name)
            continue
        parts = _parts_of(value)
        found |= {f"{name}.{part}" for part, held in parts.items() if held is study}
    return found


def _parts_of(value: object) -> Mapping[str, object]:
    """Return an object's attributes without calling anything of its class."""
    try:
        held: object = object.__getattribute__(value, "__dict__")
    except (AttributeError, TypeError):
        return {}
    return dict(held) if isinstance(held, dict) else {}  # pyright: ignore[reportUnknownArgumentType]


def _stored(node: ast.AST) -> set[str]:
    """Return the names, and the attributes of names, that are set within a statement."""
    found: set[str] = set()
    for each in ast.walk(node):
        match each:
            case ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
            case ast.Attribute(ctx=ast.Store()):
                found.add(_dotted(each))
            case _:
                pass
    return found | {name for name in found if "." not in name}


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            before = _dotted(value)
            return f"{before}.{name}" if before else ""
        case _:
            return ""


def _with_later_calls(
    module: Module,
    function: ast.AST | None,
    frame: FrameType,
    names: set[str],
    found: Repeats,
) -> tuple[Repeats, set[ast.AST]]:
    """Add the calls that follow in the same block, with the same study and objective."""
    block, place = _block_at(module, function, frame.f_lineno)
    first = None if place is None else _optimize_call(block[place])
    counted: set[ast.AST] = set()
    if first is None:
        return found, counted
    for statement in block[(place or 0) + 1 :]:
        call = _optimize_call(statement)
        is_same = (
            call is not None
            and isinstance(call.func, ast.Attribute)
            and _dotted(call.func.value) in names
            and _argument(call, 0, "func") == _argument(first, 0, "func") != ""
        )
        if is_same and call is not None:
            counted.add(call)
            asked = _value(_node(call, 1, "n_trials"), frame)
            before = found.n_trials
            total = before + asked if before is not None and isinstance(asked, int) else None
            found = Repeats((found.n_calls or 0) + 1, total)
        elif any(each.rpartition(".")[0] in names or each in names for each in _stored(statement)):
            # Another study, or another sampler.
            break
    return found, counted


def _block_at(
    module: Module, function: ast.AST | None, line: int
) -> tuple[list[ast.stmt], int | None]:
    """Return the innermost statements around a line, and which of them it is in."""
    body: list[ast.stmt] = getattr(function or module.tree, "body")  # noqa: B009 - of any block
    place: int | None = None
    while True:
        inner = [
            index
            for index, each in enumerate(body)
            if each.lineno <= line <= (each.end_lineno or each.lineno)
        ]
        if not inner:
            return body, None
        place = inner[0]
        parts = [getattr(body[place], name, None) for name in ("body", "orelse", "finalbody")]
        blocks = [cast("list[ast.stmt]", each) for each in parts if isinstance(each, list)]
        around = [
            block
            for block in blocks
            if any(each.lineno <= line <= (each.end_lineno or each.lineno) for each in block)
        ]
        if not around or isinstance(body[place], ast.FunctionDef | ast.ClassDef):
            return body, place
        body = around[0]


def _optimize_call(statement: ast.stmt) -> ast.Call | None:
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="optimize")) as call):
            return call
        case _:
            return None


def _node(call: ast.Call, place: int, name: str) -> ast.expr | None:
    named = [each.value for each in call.keywords if each.arg == name]
    if named:
        return named[0]
    return call.args[place] if len(call.args) > place else None


def _argument(call: ast.Call, place: int, name: str) -> str:
    node = _node(call, place, name)
    return "" if node is None else ast.dump(node)


def _count(loop: _Loop, frame: FrameType) -> int | None:
    """Return how often a loop runs at most; None where that cannot be told."""
    match loop:
        case ast.For(iter=over):
            return _length(over, frame)
        case (
            ast.ListComp(generators=[ast.comprehension(iter=over, ifs=[])])
            | ast.SetComp(generators=[ast.comprehension(iter=over, ifs=[])])
            | ast.DictComp(generators=[ast.comprehension(iter=over, ifs=[])])
            | ast.GeneratorExp(generators=[ast.comprehension(iter=over, ifs=[])])
        ):
            return _length(over, frame)
        case _:
            return None


def _length(node: ast.expr, frame: FrameType) -> int | None:
    """Return how often a loop over an expression runs; None where that is not plain."""
    match node:
        case ast.Call(func=ast.Name(id="range" | "trange"), args=args):
            numbers = [_value(each, frame) for each in args if not isinstance(each, ast.Starred)]
            is_plain = len(numbers) == len(args) in (1, 2, 3)
            if is_plain and all(isinstance(each, int) for each in numbers):
                return len(range(*numbers)) if 0 not in numbers[2:] else None
            return None
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first, *_]):
            return _length(first, frame) if name in _SAME_LENGTH else None
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return len(elements)
        case _:
            value: object = _value(node, frame)
            if isinstance(value, (list, tuple, dict, set, range)):
                return len(cast("list[object]", value))
            return None


def _value(node: ast.expr | None, frame: FrameType) -> Any:  # noqa: ANN401 - whatever it holds
    """Return the value of a constant, a variable, a part of one, or a sum; None for all else."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return frame.f_locals.get(name, frame.f_globals.get(name))
        case ast.Attribute(value=value, attr=name):
            return _parts_of(_value(value, frame)).get(name)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            one, two = _value(left, frame), _value(right, frame)
            is_plain = type(one) is int and type(two) is int
            return _OPERATORS[type(op)](one, two) if is_plain else None
        case _:
            return None

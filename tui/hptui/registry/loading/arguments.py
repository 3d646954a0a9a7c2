"""`--arg NAME=VALUE`: what an objective takes besides the trial, checked, and put into it."""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import shlex
import typing
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.objective import ATTRIBUTE
from hptui.domain.run_place import names_same_file
from hptui.domain.texts.argument_values import (
    UNKNOWN,
    UnfitValueError,
    convert,
    expected,
    is_known,
    type_of_default,
)
from hptui.domain.texts.text import safe_line
from hptui.errors import ObjectiveError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hptui.domain.objective import Argument, ObjectiveInfo

Pairs = tuple[tuple[str, str], ...]

_VARIADIC: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_MAX_SHOWN: Final = 60
_OPTION: Final = "--arg "


def read_arguments(texts: Iterable[str]) -> Pairs:
    """Return the names and values of what was given as `NAME=VALUE`.

    Raises:
        UsageError: One is not that, or a name was given twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(
                f"--arg {safe_line(text, max_chars=_MAX_SHOWN)} is not NAME=VALUE.",
                hint="Write it like --arg data=train.csv.",
            )
        if name in found:
            raise UsageError(f"--arg {safe_line(name)} is given twice.", hint="Give it once.")
        found[name] = value
    return tuple(found.items())


def split_typed(text: str) -> tuple[str, Pairs]:
    """Return the objective and the arguments of a text like `train.py --arg data=train.csv`.

    Raises:
        UsageError: What follows the objective is nothing but `--arg NAME=VALUE`, again and again.
    """
    objective, option, rest = text.partition(" --arg ")
    if not option:
        return text.removesuffix(" --arg").strip(), ()
    try:
        parts = shlex.split(f"--arg {rest}")
    except ValueError:
        raise UsageError(
            f"{safe_line(text, max_chars=_MAX_SHOWN)} has an unclosed quote.",
            hint="Write it like train.py --arg 'data=my file.csv'.",
        ) from None
    if len(parts) % 2 or any(each != "--arg" for each in parts[::2]):
        raise UsageError(
            f"{safe_line(text, max_chars=_MAX_SHOWN)} is not understood.",
            hint="Write it like train.py --arg data=train.csv --arg folds=5.",
        )
    return objective.strip(), read_arguments(parts[1::2])


def show_arguments(pairs: Iterable[tuple[str, str]]) -> str:
    """Return arguments as people read them: `data=train.csv, folds=5`."""
    return ", ".join(safe_line(f"{name}={value}", max_chars=_MAX_SHOWN) for name, value in pairs)


def differing_arguments(
    was: Pairs, now: Pairs, info: ObjectiveInfo, folders: tuple[str, str] = ("", "")
) -> tuple[Pairs, Pairs]:
    """Return in what the arguments of two runs differ, as they were and as they are now.

    An argument that was not given has its default. Two paths of one file are no difference.

    Args:
        was: The arguments of one run.
        now: Those of the other.
        info: What the objective takes, as far as that is known.
        folders: The working directory of each run; empty where it is not known.
    """
    known = {each.name: each for each in info.arguments}
    before, after = dict(was), dict(now)
    names = [
        name
        for name in dict.fromkeys([*known, *before, *after])
        if _meant(known.get(name), before.get(name)) != _meant(known.get(name), after.get(name))
        and not names_same_file(before.get(name, ""), after.get(name, ""), folders)
    ]

    def shown(side: dict[str, str]) -> Pairs:
        texts = {name: known[name].default or "" for name in names if name in known} | side
        return tuple((name, texts[name]) for name in names if name in texts)

    return shown(before), shown(after)


def _meant(argument: Argument | None, text: str | None) -> object:
    """Return the value that an argument has, as far as its source tells."""
    if argument is None:
        return text
    with contextlib.suppress(UnfitValueError):
        if text is not None:
            return convert(text, argument.hint)
    default = argument.default or ""
    with contextlib.suppress(ValueError, TypeError, SyntaxError):
        return ast.literal_eval(default)
    # That of a path like Path("out").
    with contextlib.suppress(ValueError, SyntaxError, UnfitValueError):
        match ast.parse(default, mode="eval").body:
            case ast.Call(args=[ast.Constant(value=str(inner))], keywords=[]):
                return convert(inner, argument.hint)
            case _:
                pass
    # The default of an enum is written like Kind.SMALL, a word that is a text without its quotes.
    with contextlib.suppress(UnfitValueError):
        return convert(default.rpartition(".")[2], argument.hint)
    return default


def missing_arguments(info: ObjectiveInfo, given: Pairs) -> list[Argument]:
    """Return what must be given and is not."""
    names = {name for name, _ in given}
    return [each for each in info.arguments if each.default is None and each.name not in names]


def how_to_give(arguments: Iterable[Argument]) -> str:
    """Return a sentence with what to type for arguments that are missing."""

    def shown(hint: object) -> str:
        return "a text; annotate it for a number" if hint is UNKNOWN else expected(hint)

    parts = [f"--arg {safe_line(each.name)}=VALUE ({shown(each.hint)})" for each in arguments]
    return f"Add {' '.join(parts)}."


def check_arguments(shown: str, info: ObjectiveInfo, given: Pairs) -> None:
    """Check arguments against what the source says, as far as it says.

    Args:
        shown: What a person calls the objective.
        info: What its source says.
        given: Names and texts.

    Raises:
        ObjectiveError: There is no such argument, or a value does not fit.
    """
    known = {each.name: each for each in info.arguments}
    for name, text in given:
        if name not in known and not info.takes_any:
            raise _no_argument(shown, name, list(known))
        if name in known and known[name].hint is not UNKNOWN:
            _converted(name, text, known[name].hint)


def _no_argument(shown: str, name: str, known: list[str]) -> ObjectiveError:
    close = get_close_matches(name, known)
    guess = f"Did you mean {' or '.join(map(safe_line, close))}? " if close else ""
    takes = f"It takes {', '.join(map(safe_line, known))}." if known else "It takes no arguments."
    return ObjectiveError(
        f"{safe_line(shown)} has no argument {safe_line(name)!r}.", hint=f"{guess}{takes}"
    )


def _converted(name: str, text: str, hint: object, prefix: str = _OPTION) -> Any:  # noqa: ANN401
    try:
        return convert(text, hint)
    except UnfitValueError as error:
        raise ObjectiveError(
            f"{prefix}{safe_line(name)}={safe_line(text, max_chars=_MAX_SHOWN)} does not fit: "
            f"{error}.",
            hint=f"Give {expected(hint)}." if is_known(hint) else "Let it take a text or a path.",
        ) from None


def with_values(
    function: Callable[..., object], given: Mapping[str, str], shown: str
) -> Callable[[Any], object]:
    """Return a function of the trial alone: the arguments are in it, or have their defaults.

    It has the name, the module and the metadata of the function.

    Raises:
        ObjectiveError: There is no such argument, a value does not fit, or one is missing.
    """
    values = values_for(function, given, shown, n_first=1)
    if not values:
        return function
    bound = functools.partial(function, **values)
    functools.update_wrapper(bound, function)
    # An object has what its class was decorated with.
    info = getattr(function, ATTRIBUTE, None)
    if info is not None:
        setattr(bound, ATTRIBUTE, info)
    return bound


def values_for(
    function: Callable[..., object],
    given: Mapping[str, str],
    shown: str,
    *,
    n_first: int = 0,
    prefix: str = _OPTION,
) -> dict[str, Any]:
    """Return the values for what a loaded function, or the constructor of a class, takes.

    Args:
        function: What will be called.
        given: Names and texts.
        shown: What a person calls it.
        n_first: How many parameters at the beginning are not for arguments.
        prefix: What stands before `NAME=VALUE` where a person gives one.

    Raises:
        ObjectiveError: There is no such argument, a value does not fit, or one is missing.
    """
    own, inner = (parameters_of(function, n_first, follows=follows) for follows in (False, True))
    if own is None or inner is None:
        if given:
            raise _no_argument(shown, next(iter(given)), [])
        return {}
    values: dict[str, Any] = {}
    for name, text in given.items():
        parameter = own.get(name) or (inner.get(name) if _takes_any(own) else None)
        if parameter is None and not (_takes_any(own) and _takes_any(inner)):
            raise _no_argument(shown, name, [each for each in inner if not _is_open(inner[each])])
        if parameter is not None and parameter.kind is parameter.POSITIONAL_ONLY:
            raise ObjectiveError(
                f"{safe_line(shown)} takes {safe_line(name)} only by its position.",
                hint=f"Let it take {safe_line(name)} by its name.",
            )
        named = inner.get(name) or parameter
        hint = UNKNOWN if named is None else _hint_of(function, named)
        values[name] = _converted(name, text, hint, prefix)
    missing = [
        name
        for name, each in own.items()
        if each.default is each.empty and not _is_open(each) and name not in values
    ]
    if missing:
        listed = ", ".join(map(safe_line, missing))
        options = " ".join(f"{prefix}{safe_line(name)}=VALUE" for name in missing)
        raise ObjectiveError(f"{safe_line(shown)} needs {listed}.", hint=f"Add {options}.")
    return values


def parameters_of(
    function: Callable[..., object], n_first: int = 0, *, follows: bool = True
) -> dict[str, inspect.Parameter] | None:
    """Return the parameters of a loaded function behind its first ones; None where nothing tells.

    Args:
        function: A function, a class or an object that can be called.
        n_first: How many to leave out; `*args` may stand for all of them.
        follows: Whether a function that a decorator wraps speaks for it.
    """
    try:
        found = inspect.signature(function, follow_wrapped=follows).parameters
    except (TypeError, ValueError):
        return None
    left = n_first
    kept: dict[str, inspect.Parameter] = {}
    for name, each in found.items():
        is_positional = each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
        if left and is_positional:
            left -= 1
        else:
            kept[name] = each
    return kept


def _is_open(parameter: inspect.Parameter) -> bool:
    return parameter.kind in _VARIADIC


def _takes_any(parameters: Mapping[str, inspect.Parameter]) -> bool:
    return any(each.kind is each.VAR_KEYWORD for each in parameters.values())


def _hint_of(function: Callable[..., object], parameter: inspect.Parameter) -> object:
    annotation: object = parameter.annotation
    if isinstance(annotation, str):
        annotation = _evaluated(function, annotation)
    if annotation is not parameter.empty and annotation is not UNKNOWN:
        return annotation
    default: object = parameter.default
    return UNKNOWN if default is parameter.empty else type_of_default(default)


def _evaluated(function: Callable[..., object], annotation: str) -> object:
    """Return what an annotation that is kept as a text stands for, one by one.

    `get_type_hints` of the whole function fails by any name that only type checkers import.
    """
    place = inspect.unwrap(function)
    place = place.__init__ if isinstance(place, type) else place
    place = place if hasattr(place, "__globals__") else getattr(place, "__call__", place)  # noqa: B004
    names: dict[str, Any] = getattr(place, "__globals__", {})
    holder = type("holder", (), {"__annotations__": {"value": annotation}})
    try:
        return typing.get_type_hints(holder, globalns=names, include_extras=True)["value"]
    except Exception:  # noqa: BLE001 - evaluating it runs whatever the file says there
        return UNKNOWN

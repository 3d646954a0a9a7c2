"""Samplers and pruners of the person's own: where their code stands, told by reading alone."""

from __future__ import annotations

import ast
import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.domain.methods.own_method import HUB, own_method, text_option
from hptui.domain.objective import ObjectiveRef
from hptui.domain.texts.text import safe_line
from hptui.errors import MissingExtraError, ObjectiveError, OptionError
from hptui.registry.known_code import is_known_run, note_run
from hptui.registry.source.argument_source import ArgumentSource
from hptui.registry.source.modules import find_module_file
from hptui.registry.source.objective_source import read_source
from hptui.registry.source.syntax import top_level

if TYPE_CHECKING:
    from hptui.domain.methods.options import Family, Method, MethodSpec
    from hptui.domain.objective import Argument

SEED: Final = "seed"
"""An argument of this name is given the run's."""


def located(spec: MethodSpec, cwd: Path) -> MethodSpec:
    """Return `spec` with the absolute path of its file, once what reading tells is checked.

    Raises:
        OptionError: The file, the module, the class or an option is not there.
        MissingExtraError: A hub's package is asked for, and `optunahub` is not installed.
    """
    where, _, attribute = spec.name.rpartition(":")
    if spec.name.startswith(HUB):
        if find_spec("optunahub") is None:
            raise MissingExtraError(
                f"{safe_line(spec.name)} needs the package optunahub: pip install 'hptui[hub]'"
            )
        return spec
    path = _file(where, cwd)
    if path is None:
        kind = "file" if where.endswith(".py") else "module"
        raise OptionError(
            f"There is no {kind} {safe_line(where)}.",
            hint="Name a class like mine.py:MySampler or package.module:MySampler.",
        )
    if where.endswith(".py"):
        spec = replace(spec, name=f"{path}:{attribute}")
    arguments = _arguments(path, attribute)
    names = [each.name for each in arguments or ()]
    for name, _value in spec.options:
        if arguments is not None and name not in names:
            raise OptionError(
                f"{safe_line(attribute)} has no argument {name}.",
                hint=f"It takes {', '.join(map(safe_line, names)) or 'none'}.",
            )
    return spec


def described(family: Family, spec: MethodSpec, cwd: Path) -> Method:
    """Return what a form shows of a class: the arguments of its constructor, read from its source.

    Where that does not tell, it has those that `spec` gives.
    """
    where, _, attribute = spec.name.rpartition(":")
    path = None if spec.name.startswith(HUB) else _file(where, cwd)
    found = (_arguments(path, attribute) if path is not None else None) or ()
    options = {
        each.name: text_option(
            each.name,
            _default_text(each),
            f"{each.type.capitalize() or 'Any value'}.",
            required=each.default is None,
        )
        for each in found
        if each.name != SEED
    }
    for name, _value in spec.options:
        options.setdefault(name, text_option(name))
    return own_method(family, spec.name, options.values())


def _default_text(argument: Argument) -> str:
    """Return a default as a person would type it."""
    shown = argument.default or ""
    try:
        value = ast.literal_eval(shown)
    except (ValueError, SyntaxError):
        return shown
    return value if isinstance(value, str) else shown


def agree_to(spec: MethodSpec, folder: Path) -> None:
    """Remember that this person runs this class, and where; later edits of it do not matter."""
    note_run(ref_of(spec), folder)


def is_agreed_to(spec: MethodSpec) -> bool:
    """Say whether this person has run this class before: a study file may name any."""
    return is_known_run(ref_of(spec))


def _file(where: str, cwd: Path) -> Path | None:
    if where.endswith(".py"):
        path = Path(os.path.abspath(cwd / Path(where).expanduser()))  # noqa: PTH100 - keep links
        return path if path.is_file() else None
    return find_module_file(where, cwd)


def _arguments(path: Path, attribute: str) -> tuple[Argument, ...] | None:
    """Return what a class or function takes; None where reading its file does not tell."""
    try:
        tree = ast.parse(read_source(path))
    except (ObjectiveError, SyntaxError, ValueError):
        # Loading it says what is wrong.
        return None
    source = ArgumentSource(tree, {})
    for statement in top_level(tree.body):
        match statement:
            case ast.ClassDef(name=name) if name == attribute:
                taken, is_open = source.of_class(statement)
                return None if is_open else taken
            case ast.FunctionDef(name=name) if name == attribute:
                taken, is_open = source.of_plain(statement.args)
                return None if is_open else taken
            case _:
                pass
    return None


def ref_of(spec: MethodSpec) -> ObjectiveRef:
    """Return where the code of a class stands."""
    where, _, attribute = spec.name.rpartition(":")
    return ObjectiveRef("file" if where.endswith(".py") else "module", where, attribute, spec.name)

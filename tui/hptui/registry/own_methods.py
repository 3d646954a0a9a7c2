"""Samplers and pruners of the person's own: where their code stands, and making one of it."""

from __future__ import annotations

import ast
import inspect
import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.objective import ObjectiveRef
from hptui.domain.own_method import HUB, own_method, text_option
from hptui.domain.text import safe_line
from hptui.errors import MissingExtraError, ObjectiveError, OptionError
from hptui.registry.argument_source import ArgumentSource
from hptui.registry.arguments import parameters_of, values_for
from hptui.registry.known_code import is_known_run, note_run
from hptui.registry.load import LoadError, load_attribute
from hptui.registry.modules import find_module_file
from hptui.registry.source import read_source
from hptui.registry.syntax import top_level

if TYPE_CHECKING:
    from types import ModuleType

    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

    from hptui.domain.objective import Argument
    from hptui.domain.options import Family, Method, MethodSpec

REGISTRY_VARIABLE: Final = "HPTUI_HUB_REGISTRY"
"""Names a folder that holds a copy of OptunaHub's registry: nothing is downloaded then."""
_SEED: Final = "seed"


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
            each.name, "", f"{each.type or 'any value'}; {each.default or 'it must be given'}."
        )
        for each in found
        if each.name != _SEED
    }
    for name, _value in spec.options:
        options.setdefault(name, text_option(name))
    return own_method(family, spec.name, options.values())


def agree_to(spec: MethodSpec) -> None:
    """Remember that this person runs this class; later edits of its file do not matter."""
    note_run(_ref_of(spec))


def is_agreed_to(spec: MethodSpec) -> bool:
    """Say whether this person has run this class before: a study file may name any."""
    return is_known_run(_ref_of(spec))


def load_own(family: Family, spec: MethodSpec, seed: int | None) -> BaseSampler | BasePruner:
    """Import the class and make one: this runs the person's code, or the hub's.

    A function that returns a sampler or pruner will do, as will one that is made already. The
    run's seed goes into an argument of that name.

    Raises:
        OptionError: It is not there, its import fails, or it is no sampler or pruner.
    """
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

    kind: type[Any] = BaseSampler if family == "sampler" else BasePruner
    try:
        found = _from_hub(spec, kind) if spec.name.startswith(HUB) else _from_source(spec)
        made = _made(spec, found, kind, seed)
    except (LoadError, ObjectiveError) as error:
        raise OptionError(error.message, hint=error.hint, detail=error.detail) from error
    if not isinstance(made, kind):
        raise OptionError(
            f"{safe_line(spec.name)} is no {family} of Optuna's.",
            hint=f"Derive it from optuna.{family}s.{kind.__name__}.",
        )
    return made


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


def _ref_of(spec: MethodSpec) -> ObjectiveRef:
    where, _, attribute = spec.name.rpartition(":")
    return ObjectiveRef("file" if where.endswith(".py") else "module", where, attribute, spec.name)


def _from_source(spec: MethodSpec) -> object:
    return load_attribute(_ref_of(spec))


def _from_hub(spec: MethodSpec, kind: type[Any]) -> object:
    import optunahub  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]

    package, _, attribute = spec.name.removeprefix(HUB).partition(":")
    registry = os.environ.get(REGISTRY_VARIABLE)
    try:
        module: ModuleType = (
            optunahub.load_local_module(package, registry_root=registry)  # pyright: ignore
            if registry
            else optunahub.load_module(package)  # pyright: ignore
        )
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        where = f" in {safe_line(registry)}" if registry else ""
        raise OptionError(
            f"{safe_line(spec.name)} cannot be loaded{where}: "
            f"{safe_line(f'{type(error).__name__}: {error}')}",
            hint="Check its name on hub.optuna.org and the connection, and install what the "
            f"package needs. {REGISTRY_VARIABLE}=FOLDER uses a local copy of the registry.",
        ) from error
    listed: list[str] = list(getattr(module, "__all__", ())) or list(vars(module))
    classes = [
        name
        for name in listed
        if inspect.isclass(value := getattr(module, name, None))
        and issubclass(value, kind)
        and value is not kind
        and value.__module__.startswith(module.__name__)
    ]
    if attribute:
        classes = [attribute] if hasattr(module, attribute) else []
    if len(classes) != 1:
        named = ", ".join(map(safe_line, classes)) or "none"
        raise OptionError(
            f"{safe_line(package)} has no single {kind.__name__} of that name: {named}.",
            hint=f"Name one, like {HUB}{safe_line(package)}:ITS_CLASS.",
        )
    return getattr(module, classes[0])


def _made(spec: MethodSpec, found: Any, kind: type[Any], seed: int | None) -> object:  # noqa: ANN401
    given = {name: str(value) for name, value in spec.options}
    if isinstance(found, kind) and not given:
        return found
    if not callable(found):
        return found
    values = values_for(found, given, spec.name, prefix="")
    if seed is not None and _SEED not in values and _SEED in (parameters_of(found) or {}):
        values[_SEED] = seed
    try:
        return found(**values)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise OptionError(
            f"{safe_line(spec.name)} fails: {safe_line(f'{type(error).__name__}: {error}')}",
            hint="Correct it, or give other arguments.",
        ) from error

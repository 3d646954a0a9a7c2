"""Making a sampler or pruner of the person's own: the one place where its code is imported."""

from __future__ import annotations

import importlib
import inspect
import os
from typing import TYPE_CHECKING, Any, Final, cast

from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler

from hptui.domain.methods.own_method import HUB
from hptui.domain.texts.text import safe_line
from hptui.errors import ObjectiveError, OptionError
from hptui.registry.loading.arguments import parameters_of, values_for
from hptui.registry.loading.load import load_attribute
from hptui.registry.own_methods import SEED, ref_of

if TYPE_CHECKING:
    from types import ModuleType

    from hptui.domain.methods.options import Family, MethodSpec

REGISTRY_VARIABLE: Final = "HPTUI_HUB_REGISTRY"
"""Names a folder that holds a copy of OptunaHub's registry: nothing is downloaded then."""


def load_own(family: Family, spec: MethodSpec, seed: int | None) -> BaseSampler | BasePruner:
    """Import the class and make one: this runs the person's code, or the hub's.

    A function that returns a sampler or pruner will do, as will one that is made already. The
    run's seed goes into an argument of that name.

    Raises:
        OptionError: It is not there, its import fails, or it is no sampler or pruner.
    """
    kind: type[Any] = BaseSampler if family == "sampler" else BasePruner
    try:
        found = _from_hub(spec, kind) if spec.name.startswith(HUB) else load_attribute(ref_of(spec))
        made = _made(spec, found, kind, seed)
    except ObjectiveError as error:
        raise OptionError(error.message, hint=error.hint, detail=error.detail) from error
    if not isinstance(made, kind):
        raise OptionError(
            f"{safe_line(spec.name)} is not an Optuna {family}.",
            hint=f"Derive it from optuna.{family}s.{kind.__name__}.",
        )
    return cast("BaseSampler | BasePruner", made)


def _from_hub(spec: MethodSpec, kind: type[Any]) -> object:
    package, _, attribute = spec.name.removeprefix(HUB).partition(":")
    registry = os.environ.get(REGISTRY_VARIABLE)
    try:
        # It has no types, and need not be installed.
        hub: Any = importlib.import_module("optunahub")
        module: ModuleType = (
            hub.load_local_module(package, registry_root=registry)
            if registry
            else hub.load_module(package)
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
    if seed is not None and SEED not in values and SEED in (parameters_of(found) or {}):
        values[SEED] = seed
    try:
        return found(**values)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise OptionError(
            f"{safe_line(spec.name)} fails: {safe_line(f'{type(error).__name__}: {error}')}",
            hint="Fix it, or give other arguments.",
        ) from error

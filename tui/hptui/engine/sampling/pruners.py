"""Optuna's pruners, built from what was asked for."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import optuna
from optuna.exceptions import ExperimentalWarning

from hptui.domain.methods.asked_methods import MethodSpec, PrunerSpec, method_of
from hptui.domain.methods.own_method import is_own
from hptui.engine.pruning import pruner_class
from hptui.engine.sampling.own import OwnProcess, OwnPruner
from hptui.engine.sampling.samplers import construct, require_packages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.pruners import BasePruner

# It is Optuna's class that has the options; `pruner_class` says which one decides.
PRUNER_CLASSES: Mapping[str, type[BasePruner]] = {
    "median": optuna.pruners.MedianPruner,
    "percentile": optuna.pruners.PercentilePruner,
    "sha": optuna.pruners.SuccessiveHalvingPruner,
    "hyperband": optuna.pruners.HyperbandPruner,
    "threshold": optuna.pruners.ThresholdPruner,
    "patient": optuna.pruners.PatientPruner,
    "wilcoxon": optuna.pruners.WilcoxonPruner,
    "none": optuna.pruners.NopPruner,
}


def build_pruner(spec: PrunerSpec) -> BasePruner:
    """Return the pruner that `spec` asks for.

    Raises:
        MissingExtraError: An optional package is not installed.
        OptionError: Optuna refuses the options, or a class of the person's own cannot be made.
    """
    if is_own(spec.name):
        return OwnPruner(OwnProcess("pruner", spec, None, "none"))
    with warnings.catch_warnings():
        # What is experimental was asked for by name.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return _build(spec)


def _build(spec: MethodSpec) -> BasePruner:
    method = method_of("pruner", spec)
    require_packages(method, (("scipy",), "gp") if method.name == "wilcoxon" else None)
    arguments: dict[str, Any] = {}
    for name, value in spec.options:
        option = method.option(name)
        parameter = name if option is None else option.parameter or name
        arguments[parameter] = _build(value) if isinstance(value, MethodSpec) else value
    if method.name == "patient":
        # Without one, patience alone decides; Optuna's constructor wants that said.
        arguments.setdefault("wrapped_pruner", None)
    make = pruner_class(method.name, PRUNER_CLASSES[method.name])
    return construct(method, make, arguments)

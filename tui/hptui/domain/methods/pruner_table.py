"""The pruners that can be asked for, and their options."""

from __future__ import annotations

from collections.abc import Mapping

from hptui.domain.methods.options import Method, Option, OptionValue

Values = Mapping[str, OptionValue]


def _warmup() -> Option:
    return Option("n_warmup_steps", "int", 0, "Steps before a trial may be pruned.", low=0)


def _interval() -> Option:
    return Option("interval_steps", "int", 1, "Steps between two checks.", low=1)


_PERCENTILE_OPTIONS = (
    Option("n_startup_trials", "int", 5, "Completed trials before any is pruned.", low=0),
    _warmup(),
    _interval(),
    Option("n_min_trials", "int", 1, "How many other trials must have reported at a step.", low=1),
)


def _reduction(default: int) -> Option:
    return Option("reduction_factor", "int", default, "One in this many is promoted.", low=2)


def _needs_resource(name: str) -> Option:
    def when(values: Values, _n_objectives: int) -> str | None:
        return f"It needs a number as {name}." if values.get(name) == "auto" else None

    text = "Trials that a rung needs before one is promoted."
    return Option("bootstrap_count", "int", 0, text, low=0, when=when)


def _bootstrap_conflict(values: Values, name: str) -> tuple[str, str] | None:
    if values["bootstrap_count"] and values[name] == "auto":
        reason = f"bootstrap_count needs a number as {name}, but it is auto."
        return reason, f"Give {name} too, or leave bootstrap_count out."
    return None


def _sha_conflict(values: Values) -> tuple[str, str] | None:
    return _bootstrap_conflict(values, "min_resource")


def _hyperband_conflict(values: Values) -> tuple[str, str] | None:
    least, most = values["min_resource"], values["max_resource"]
    if isinstance(least, int) and isinstance(most, int) and least > most:
        return f"min_resource={least} is above max_resource={most}.", "Swap them."
    return _bootstrap_conflict(values, "max_resource")


def _threshold_conflict(values: Values) -> tuple[str, str] | None:
    lower, upper = values["lower"], values["upper"]
    if lower is None and upper is None:
        return "it has neither lower nor upper.", "Write threshold:upper=10, or lower, or both."
    if isinstance(lower, float) and isinstance(upper, float) and lower > upper:
        return f"lower={lower!r} is above upper={upper!r}.", "Swap them."
    return None


PRUNERS: tuple[Method, ...] = (
    Method(
        "median",
        "Median",
        "Stops a trial whose best value is worse than the median of the others at that step.",
        _PERCENTILE_OPTIONS,
        cost="About 0.2 ms per report, with any number of trials.",
    ),
    Method(
        "percentile",
        "Percentile",
        "Keeps the best percentile of trials at each step.",
        (
            Option(
                "percentile",
                "float",
                None,
                "Percent of trials to keep.",
                low=0,
                high=100,
                required=True,
            ),
            *_PERCENTILE_OPTIONS,
        ),
        cost="About 0.2 ms per report, with any number of trials.",
    ),
    Method(
        "sha",
        "Successive halving",
        "Promotes the best fraction at rungs of growing length.",
        (
            Option(
                "min_resource", "int", "auto", "Steps to the first rung.", low=1, words=("auto",)
            ),
            _reduction(4),
            Option("min_early_stopping_rate", "int", 0, "Rungs skipped at the start.", low=0),
            _needs_resource("min_resource"),
        ),
        aliases=("successive_halving", "asha"),
        conflict=_sha_conflict,
        cost="About 0.2 ms per report, with any number of trials.",
    ),
    Method(
        "hyperband",
        "Hyperband",
        "Several successive halvings side by side, each with a different start.",
        (
            Option("min_resource", "int", 1, "Steps that each trial gets.", low=1),
            Option(
                "max_resource",
                "int",
                "auto",
                "Steps of a whole trial; auto waits for the first complete one.",
                low=1,
                words=("auto",),
            ),
            _reduction(3),
            _needs_resource("max_resource"),
        ),
        conflict=_hyperband_conflict,
        cost="About 0.2 ms per report, with any number of trials.",
    ),
    Method(
        "threshold",
        "Threshold",
        "Stops a trial whose value leaves the bounds, or is NaN.",
        (
            Option("lower", "float", None, "Stops below this.", words=("none",)),
            Option("upper", "float", None, "Stops above this.", words=("none",)),
            _warmup(),
            _interval(),
        ),
        conflict=_threshold_conflict,
        cost="Less than 0.1 ms per report, with any number of trials.",
    ),
    Method(
        "patient",
        "Patient",
        "Lets another pruner decide only once a trial has stopped improving.",
        (
            Option(
                "wrapped",
                "pruner",
                None,
                "The pruner that decides then; none stops the trial at once.",
                words=("none",),
                parameter="wrapped_pruner",
            ),
            Option(
                "patience", "int", None, "Steps without improvement to wait.", low=0, required=True
            ),
            Option("min_delta", "float", 0.0, "A change that counts as improvement.", low=0),
        ),
        cost="Less than 0.1 ms plus what the wrapped pruner takes, with any number of trials.",
    ),
    Method(
        "wilcoxon",
        "Wilcoxon",
        "Compares with the best trial step by step, for scores over folds or instances.",
        (
            Option("p_threshold", "float", 0.1, "The larger, the more is pruned.", low=0, high=1),
            Option("n_startup_steps", "int", 2, "Common steps before any is pruned.", low=0),
        ),
        cost="About 1 ms per report, with any number of trials; more where values tie.",
    ),
    Method("none", "None", "Never prunes.", aliases=("nop",)),
)

"""The samplers that can be asked for, and their options."""

from __future__ import annotations

from collections.abc import Mapping

from hptui.domain.methods.options import Method, MethodSpec, Option, OptionValue, probability

Values = Mapping[str, OptionValue]

_SEED = {"seed": "it belongs to the run: use --seed"}
_CONSTRAINTS = {
    "constraints_func": "Optuna has deprecated it: call trial.set_constraint in the objective"
}
_OLD = "Optuna has deprecated it"
_CODE = "it is a Python function, which text cannot express"


def _startup(default: int) -> Option:
    return Option(
        "n_startup_trials", "int", default, "Finished trials before it starts to model.", low=0
    )


def _other_sampler() -> Option:
    return Option(
        "independent_sampler",
        "sampler",
        None,
        "Sampler for parameters outside the joint search space; random unless given.",
        words=("none",),
    )


def _warn_independent() -> Option:
    return Option(
        "warn_independent_sampling",
        "bool",
        True,
        "Log when a parameter falls outside the joint search space.",
    )


def _needs_multivariate(values: Values, _n_objectives: int) -> str | None:
    return "It needs multivariate." if values.get("multivariate") is False else None


def _tpe_conflict(values: Values) -> tuple[str, str] | None:
    if values["group"] and values["multivariate"] is False:
        reason = "group=true works only with multivariate, but multivariate=false."
        return reason, "Omit one of them."
    return None


def _cma_conflict(values: Values) -> tuple[str, str] | None:
    given = [name for name in ("use_separable_cma", "with_margin", "lr_adapt") if values[name]]
    if len(given) > 1:
        return f"{' and '.join(given)} cannot be combined.", "Keep one of them."
    return None


def _only_one_variant(name: str) -> Option:
    helps = {
        "use_separable_cma": "Keep the covariance diagonal: for separable or many parameters.",
        "with_margin": "Keep discrete parameters from freezing at one value.",
        "lr_adapt": "Adapt the learning rate: for multimodal or noisy objectives.",
    }

    def when(values: Values, _n_objectives: int) -> str | None:
        others = [other for other in helps if other != name and values.get(other)]
        return f"It cannot be combined with {others[0]}." if others else None

    return Option(name, "bool", False, helps[name], when=when)


def _ga_conflict(values: Values) -> tuple[str, str] | None:
    crossover, size = values["crossover"], values["population_size"]
    parents = 3 if isinstance(crossover, MethodSpec) and crossover.name in ("spx", "undx") else 2
    if isinstance(size, int) and size < parents:
        reason = f"population_size={size} is too small: the crossover needs {parents} parents."
        return reason, f"Use a population_size of {parents} or more."
    return None


_GA_OPTIONS = (
    Option("population_size", "int", 50, "Trials in a generation.", low=2),
    Option("mutation", "mutation", None, "How a value mutates; none draws anew.", words=("none",)),
    probability("mutation_prob", None, "Chance that a value mutates; none is 1 / parameters."),
    Option("crossover", "crossover", None, "How parents mix; none is uniform.", words=("none",)),
    probability("crossover_prob", 0.9, "Chance that a child has two parents or more."),
    probability("swapping_prob", 0.5, "Chance that uniform crossover swaps a value."),
)
_GA_LEFT_OUT = {
    **_SEED,
    **_CONSTRAINTS,
    "elite_population_selection_strategy": _CODE,
    "child_generation_strategy": _CODE,
    "after_trial_strategy": _CODE,
}


def _has_points(values: Values, _n_objectives: int) -> str | None:
    return "reference_points are given." if values.get("reference_points") is not None else None


SAMPLERS: tuple[Method, ...] = (
    Method(
        "tpe",
        "TPE",
        "Tree-structured Parzen estimator: a good default.",
        (
            _startup(10),
            Option("n_ei_candidates", "int", 24, "Candidates compared for each trial.", low=1),
            Option(
                "multivariate",
                "bool",
                None,
                "Model parameters jointly; none is true for one objective, false for several.",
                words=("none",),
            ),
            Option(
                "group",
                "bool",
                False,
                "Model each group of conditional parameters jointly.",
                when=_needs_multivariate,
            ),
            Option("constant_liar", "bool", True, "Avoid points that are running."),
        ),
        cost="10 ms per trial at 10,000 trials and 20 ms at 100,000; suits up to hundreds of "
        "thousands.",
        left_out={
            **_SEED,
            **_CONSTRAINTS,
            "consider_prior": _OLD,
            "prior_weight": _OLD,
            "consider_magic_clip": _OLD,
            "consider_endpoints": _OLD,
            "gamma": _OLD,
            "weights": _OLD,
            "warn_independent_sampling": _OLD,
        },
        conflict=_tpe_conflict,
    ),
    Method(
        "auto",
        "Automatic",
        "GP for few trials, NSGA-II for many trials of several objectives, else TPE; the run "
        "says why.",
        cost="Costs what the chosen sampler costs.",
        left_out=_SEED,
    ),
    Method(
        "random",
        "Random",
        "Independent uniform draws.",
        cost="Less than 1 ms per trial, with any number of trials.",
        left_out=_SEED,
    ),
    Method(
        "cmaes",
        "CMA-ES",
        "Evolution strategy for continuous and integer parameters, one objective.",
        (
            _startup(1),
            _other_sampler(),
            _warn_independent(),
            Option("consider_pruned_trials", "bool", False, "Learn from pruned trials too."),
            Option(
                "popsize",
                "int",
                None,
                "Trials in a generation; none is 4 + 3 ln(parameters).",
                low=2,
                words=("none",),
            ),
            _only_one_variant("use_separable_cma"),
            _only_one_variant("with_margin"),
            _only_one_variant("lr_adapt"),
        ),
        aliases=("cma",),
        cost="About 2 ms per trial at 10,000 trials and 7 ms at 100,000; suits up to hundreds of "
        "thousands.",
        left_out={
            **_SEED,
            "source_trials": "it is a list of trials, which text cannot express",
            "x0": _OLD,
            "sigma0": _OLD,
            "restart_strategy": _OLD,
            "inc_popsize": _OLD,
        },
        conflict=_cma_conflict,
    ),
    Method(
        "gp",
        "Gaussian process",
        "Bayesian optimization for few, expensive trials: up to a few hundred.",
        (
            _startup(10),
            _other_sampler(),
            Option(
                "deterministic_objective", "bool", False, "The same parameters give the same value."
            ),
            _warn_independent(),
        ),
        cost="About 0.5 s per trial at 100 trials and 1.5 s at 300; suits up to a few hundred.",
        left_out={**_SEED, **_CONSTRAINTS},
    ),
    Method(
        "nsgaii",
        "NSGA-II",
        "Genetic algorithm for two or three objectives and many trials.",
        _GA_OPTIONS,
        aliases=("nsga2",),
        cost="About 2 ms per trial at 10,000 trials and 5 ms at 100,000; suits up to hundreds of "
        "thousands.",
        left_out=_GA_LEFT_OUT,
        conflict=_ga_conflict,
    ),
    Method(
        "nsgaiii",
        "NSGA-III",
        "Genetic algorithm for more than three objectives.",
        (
            *_GA_OPTIONS,
            Option(
                "reference_points",
                "json",
                None,
                "Target points, a row each, a column per objective; none spreads them evenly.",
                words=("none",),
            ),
            Option(
                "dividing_parameter",
                "int",
                3,
                "Divisions of each axis for the default reference points.",
                low=1,
                when=_has_points,
            ),
        ),
        aliases=("nsga3",),
        cost="About 2 ms per trial at 10,000 trials and 5 ms at 100,000; suits up to hundreds of "
        "thousands.",
        left_out=_GA_LEFT_OUT,
        conflict=_ga_conflict,
    ),
    Method(
        "qmc",
        "Quasi-Monte Carlo",
        "Points that fill the space evenly; no conditional parameters.",
        (
            Option("qmc_type", "choice", "sobol", "The sequence.", choices=("sobol", "halton")),
            Option("scramble", "bool", False, "Randomize the sequence by the run's seed."),
            _other_sampler(),
            Option(
                "warn_asynchronous_seeding",
                "bool",
                True,
                "Log when a scrambled sequence has no seed.",
            ),
            _warn_independent(),
        ),
        aliases=("quasimontecarlo",),
        cost="About 1 ms per trial at 10,000 trials and 3 ms at 100,000; suits up to hundreds of "
        "thousands.",
        left_out=_SEED,
    ),
    Method(
        "grid",
        "Grid",
        "Every combination of choices and steps, once; the space must be known at the start.",
        (
            Option(
                "points",
                "int",
                None,
                "Values of each parameter that has no step; evenly spread, in logs on a log scale.",
                low=2,
                words=("none",),
            ),
        ),
        cost="About 1 ms per trial at 10,000 trials and 2 ms at 100,000; suits up to a million "
        "points.",
        left_out={**_SEED, "search_space": "it is made from the study's search space"},
    ),
    Method(
        "bruteforce",
        "Brute force",
        "Every combination, found while running: conditional parameters too; floats need a step.",
        (
            Option(
                "avoid_premature_stop",
                "bool",
                False,
                "Wait for running trials before ending, at the price of repeated points.",
            ),
        ),
        cost="About 2 ms per trial at 10,000 trials and 12 ms at 100,000; suits up to about "
        "100,000.",
        left_out=_SEED,
    ),
)


_ETA = Option(
    "eta",
    "float",
    None,
    "The smaller, the further children are from parents; none is 2, or 20 for several objectives.",
    low=0,
    words=("none",),
)
_SBX_OPTIONS = (
    _ETA,
    probability("uniform_crossover_prob", 0.5, "Chance to exchange the two children's values."),
    Option(
        "use_child_gene_prob",
        "float",
        0.5,
        "Chance to take the child's value, not the parent's; above 0.",
        low=1e-300,
        high=1,
    ),
)

CROSSOVERS: tuple[Method, ...] = (
    Method(
        "uniform",
        "Uniform",
        "Each value from either parent.",
        left_out={"swapping_prob": "it is the sampler's option swapping_prob"},
    ),
    Method(
        "blxalpha",
        "BLX-alpha",
        "A blend around the parents' interval.",
        (Option("alpha", "float", 0.5, "How far beyond the parents."),),
    ),
    Method("sbx", "SBX", "Simulated binary crossover.", _SBX_OPTIONS),
    Method("vsbx", "vSBX", "Simulated binary crossover with wider children.", _SBX_OPTIONS),
    Method(
        "spx",
        "SPX",
        "Simplex crossover of three parents.",
        (
            Option(
                "epsilon",
                "float",
                None,
                "Expansion; none is sqrt(parameters + 2).",
                words=("none",),
            ),
        ),
    ),
    Method(
        "undx",
        "UNDX",
        "Unimodal normal crossover of three parents.",
        (
            Option("sigma_xi", "float", 0.5, "Spread along the parents' line.", low=0),
            Option(
                "sigma_eta",
                "float",
                None,
                "Spread across it; none is 0.35 / sqrt(parameters).",
                low=0,
                words=("none",),
            ),
        ),
    ),
)
MUTATIONS: tuple[Method, ...] = (
    Method(
        "polynomial",
        "Polynomial",
        "A small change, rarely a large one.",
        (Option("eta", "float", 20.0, "The larger, the smaller the change.", low=0),),
    ),
)

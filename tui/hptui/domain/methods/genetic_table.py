"""Crossovers and mutations of the genetic samplers, and their options."""

from __future__ import annotations

from hptui.domain.methods.options import Method, Option, probability

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

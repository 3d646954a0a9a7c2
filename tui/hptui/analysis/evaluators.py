"""What can judge how much parameters matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Evaluator = Literal["ped-anova", "fanova", "mdi"]


@dataclass(frozen=True, slots=True)
class EvaluatorFacts:
    """One of Optuna's evaluators of importance."""

    title: str
    means: str
    """What its numbers mean, in a few words."""
    most_trials: int
    """Of more trials than these, as many are drawn at random."""
    takes_conditional: bool
    """Whether parameters that only some of the trials have are judged too."""


EVALUATORS: Final[dict[Evaluator, EvaluatorFacts]] = {
    "ped-anova": EvaluatorFacts("PED-ANOVA", "what sets the best tenth apart", 1_000_000, True),
    # Its time grows faster than the trials: a minute for a thousand, hours for ten thousand.
    "fanova": EvaluatorFacts("fANOVA", "share of the variance of the value", 1_000, False),
    "mdi": EvaluatorFacts("mean decrease impurity", "how well trees split on it", 20_000, False),
}

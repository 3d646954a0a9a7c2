"""Advice on more trials in sentences: what is known, how sure it is, and what is not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from hptui.analysis.stopping.advice import FEWEST_TRIALS
from hptui.domain.texts.number_column import number_style
from hptui.domain.texts.readable import four_digits, plural

if TYPE_CHECKING:
    from hptui.analysis.stopping.advice import Advice
    from hptui.analysis.stopping.front_advice import FrontAdvice
    from hptui.analysis.stopping.outlook import Outlook

_LEAST_SHARE: Final = 1e-4
_WHOLE_FROM: Final = 0.1
"""From there on percentages are whole."""


def advice_sentences(advice: Advice, outlook: Outlook | None = None) -> tuple[str, ...]:
    """Return the verdict first, then what it rests on, and what more trials would bring."""
    if advice.verdict == "too early":
        return (_too_early(advice.n_trials),)
    if math.isnan(advice.best):
        return (f"None of {plural(advice.n_trials, 'trial')} has a feasible value yet.",)
    if math.isinf(advice.best):
        return (f"The best value is {advice.best:g}: no trial can be better.",)
    if not advice.gained > 0:
        return (f"All trials have the same value, {four_digits(advice.best)}: nothing to go by.",)
    told = (_verdict(advice), *_next(advice), _left(advice))
    return told if outlook is None else (*told, outlook_sentence(outlook))


def outlook_sentence(outlook: Outlook) -> str:
    """Return what is to be expected after all the trials of an outlook."""
    ends = [float(each[-1]) for each in (outlook.expected, outlook.good, outlook.bad)]
    style = number_style([*ends, float(outlook.expected[0])])
    expected, good, bad = map(style.alone, ends)
    more = plural(int(outlook.n_more[-1]), "more trial")
    return f"After {more}, expect a best of ~{expected}; in 8 of 10 cases {good} to {bad}."


def _verdict(advice: Advice) -> str:
    recently = (
        f"{advice.n_better} better in the last {plural(advice.n_recent, 'trial')}, by "
        f"{_rough(advice.gained_recently)} together"
    )
    clearly = "clearly better" if advice.n_unclear else "better"
    since = f"no {clearly} trial for {advice.n_since:,} of {advice.n_trials:,}"
    if advice.n_unclear and advice.noise >= advice.regret.scatter:
        are = plural(advice.n_unclear, "is", "are")
        since += f" ({are} better by less than repetitions differ, ~{_rough(advice.noise)})"
    elif advice.n_unclear:
        are = plural(advice.n_unclear, "is", "are")
        since += f" ({are} better by less than values scatter)"
    match advice.verdict:
        case "slowing":
            return f"Still improving, but little seems left: {recently}."
        case "stop":
            luck = ", and values do not seem to follow the parameters"
            return f"Enough, it seems: {since}{luck if advice.regret.is_luck else ''}."
        case "stuck":
            return f"Stuck: {since}, though more seems possible. Another sampler may find it."
        case "unclear":
            return f"Not clear yet: {since}."
        case _:
            if advice.n_better:
                return f"Still improving: {recently}."
            return f"Go on: {since}, and more seems possible."


def _next(advice: Advice) -> tuple[str, ...]:
    if math.isinf(advice.n_to_next):
        return ("At this rate, expect no better trial.",)
    count = _about(advice.n_to_next)
    return (f"At this rate, ~{count} more have an even chance of a better one.",)


def _left(advice: Advice) -> str:
    regret = advice.regret
    if regret.left is None:
        return f"What may be left is unknown: {regret.why}."
    params = plural(len(regret.params), "parameter")
    text = (
        f"What may be left: ~{_rough(regret.left)} at most, after {_rough(advice.gained)} "
        f"gained, says a model of {plural(regret.n_points, 'trial')} and {params}; it knows "
        "nothing of regions without trials."
    )
    if regret.scatter >= max(0.05 * advice.gained, regret.left / 4):
        text += f" Values scatter by ~{_rough(regret.scatter)}, so the best may be luck."
    return text


def front_sentences(advice: FrontAdvice) -> tuple[str, ...]:
    """Return the verdict on several objectives together first, then what it rests on."""
    if advice.verdict == "too early":
        return (_too_early(advice.n_trials),)
    if not math.isfinite(advice.volume):
        return ("The hypervolume is too large to compute, so its growth is unknown.",)
    if not advice.volume > 0:
        return (
            f"None of {plural(advice.n_trials, 'trial')} is better than the reference in all "
            "objectives: nothing to go by.",
        )
    recent = f"the last {plural(advice.n_recent, 'trial')}"
    entered = (
        f"{advice.n_entered:,} of {recent} entered the front and added "
        f"{_percent(advice.grown_recently)} of the hypervolume"
        if advice.n_entered
        else f"none of {recent} entered the front"
    )
    ago = f"{plural(advice.n_since, 'trial')} ago" if advice.n_since else "just now"
    verdicts = {
        "go on": "Still growing",
        "slowing": "Still growing, but little",
        "stop": "Enough, at this rate",
    }
    return (
        f"{verdicts.get(advice.verdict, 'Not clear yet')}: {entered}.",
        f"The later half of the trials added {_percent(advice.grown_later)}; twice as many "
        "trials may add about as much again, rarely more.",
        f"{advice.n_to_plateau:,} of {plural(advice.n_trials, 'trial')} were enough for 99 % of "
        f"the hypervolume; {plural(advice.n_front, 'trial is', 'trials are')} on the front, the "
        f"last one found {ago}.",
        "This says nothing of regions without trials; the advice on each objective models them.",
    )


def _too_early(n_trials: int) -> str:
    return f"Too early to say: {plural(n_trials, 'trial')} ended, advice begins at {FEWEST_TRIALS}."


def _percent(share: float) -> str:
    if share < _LEAST_SHARE:
        return "less than 0.01 %"
    return f"{100 * share:.0f} %" if share >= _WHOLE_FROM else f"{100 * share:.2g} %"


def _rough(number: float) -> str:
    return f"{number:.2g}"


def _about(number: float) -> str:
    digits = max(0, len(str(int(number))) - 2)
    return f"{max(1, round(number / 10**digits) * 10**digits):,}"

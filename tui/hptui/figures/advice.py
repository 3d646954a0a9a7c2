"""Whether more trials are worth it."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from hptui.analysis.history import history_of
from hptui.analysis.stopping.advice import FEWEST_TRIALS, build_advice
from hptui.analysis.stopping.advice_text import advice_sentences, front_sentences
from hptui.analysis.stopping.front_advice import build_front_advice
from hptui.errors import UsageError
from hptui.figures.canvas.figure import Figure
from hptui.figures.canvas.picture import FINE, Cells
from hptui.figures.history import draw_history
from hptui.figures.hypervolume import chosen_reference, draw_hypervolume
from hptui.figures.repeat_whiskers import noise_of
from hptui.figures.request import Frame, TitledFigure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hptui.analysis.history import History
    from hptui.analysis.stopping.advice import Advice
    from hptui.figures.canvas.picture import Look
    from hptui.figures.canvas.roles import Role
    from hptui.figures.request import FigureRequest


_MIN_CHART: Final = 7
_MARGIN: Final = 1


def draw_advice(
    advice: Advice,
    history: History,
    *,
    width: int,
    height: int,
    look: Look = FINE,
    is_log: bool = False,
    selected: int | None = None,
    n_more: int | None = None,
) -> Figure:
    """Draw the sentences, and below them the history with the value that may be reached.

    The history goes on with what `n_more` trials would bring: without, as many again as there are.
    """
    outlook = advice.outlook(n_more or max(FEWEST_TRIALS, advice.n_trials))

    def below(lines: int) -> Figure:
        return draw_history(
            history,
            width=width,
            height=lines,
            look=look,
            is_log=is_log,
            target=advice.may_reach,
            target_name="may reach",
            selected=selected,
            outlook=outlook,
        )

    sentences = advice_sentences(advice, outlook)
    short = (sentences[0],) if outlook is None else (sentences[0], sentences[-1])
    return draw_told(sentences, below, width=width, height=height, short=short)


def draw_told(
    sentences: Sequence[str],
    below: Callable[[int], Figure],
    *,
    width: int,
    height: int,
    short: Sequence[str] = (),
) -> Figure:
    """Draw sentences, the first of which is the answer, and what they are about below them.

    Args:
        sentences: Safe for a terminal.
        below: Draws a chart of that width in so many lines; called where there is room for one.
        width: In cells, as the next.
        height: Of both together.
        short: Those of the sentences that stay where all of them would leave no room for the chart.
    """
    if width < 1 or height < 1:
        return Figure(Cells(0, 0).picture())
    lines = _wrapped(sentences, width)
    if height - len(lines) - 1 < _MIN_CHART and short:
        shortened = _wrapped(short, width)
        # A picture tells more than what it rests on.
        lines = shortened if height - len(shortened) - 1 >= _MIN_CHART else lines
    cells = Cells(width, height)
    for row, (line, role) in enumerate(lines[:height]):
        cells.put(row, min(_MARGIN, width - 1), line, role)
    top = len(lines) + 1
    if height - top < _MIN_CHART:
        return Figure(cells.picture())
    drawn = below(height - top)
    for row, spans in enumerate(drawn.picture.lines, start=top):
        cells.put_spans(row, 0, spans)
    return Figure(cells.picture(), spots=drawn.spots.moved(0, top))


def _wrapped(sentences: Sequence[str], width: int) -> list[tuple[str, Role]]:
    lines: list[tuple[str, Role]] = []
    for index, sentence in enumerate(sentences):
        role: Role = "note" if index else "best"
        wrapped = textwrap.wrap(sentence, max(1, width - 2 * _MARGIN))
        lines.extend((line, role) for line in wrapped)
    return lines


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return advice on the front where there is one to tell of, and on each objective."""
    if _is_on_front(request):
        yield _front_advice(request)
    for objective in request.objectives():
        yield _advice(request, objective)


def _is_on_front(request: FigureRequest) -> bool:
    """Say whether the front is meant too: where no objective was asked for.

    Raises:
        UsageError: There is a reference, but no front.
    """
    if request.objective is not None and request.reference:
        raise UsageError(
            "--reference has no effect on one objective.",
            hint="Omit --objective or --reference.",
        )
    is_asked_for = len(request.study.trials.directions) > 1 or bool(request.reference)
    return request.objective is None and is_asked_for


def _front_advice(request: FigureRequest) -> TitledFigure:
    advice = build_front_advice(request.study.trials, chosen_reference(request))
    sentences = front_sentences(advice)

    def draw(frame: Frame) -> Figure:
        def below(lines: int) -> Figure:
            return draw_hypervolume(
                advice.history,
                width=frame.width,
                height=lines,
                look=frame.look,
                is_worst_seen=not request.reference,
                selected=frame.selected,
            )

        return draw_told(sentences, below, width=frame.width, height=frame.height)

    return TitledFigure("advice on the front", draw)


def _advice(request: FigureRequest, objective: int) -> TitledFigure:
    trials, n_more = request.study.trials, request.study.n_ahead
    advice = build_advice(trials, objective, noise=noise_of(request.study, objective))
    history = history_of(trials, objective)

    def draw(frame: Frame) -> Figure:
        return draw_advice(
            advice,
            history,
            width=frame.width,
            height=frame.height,
            look=frame.look,
            is_log=request.is_log,
            selected=frame.selected,
            n_more=n_more,
        )

    return TitledFigure(f"advice on {request.study.value_name(objective)}", draw)


def data_of(request: FigureRequest) -> Iterator[dict[str, Any]]:
    """Return the same as plain data."""
    if _is_on_front(request):
        yield _front_data(request)
    for objective in request.objectives():
        study = request.study
        advice = build_advice(study.trials, objective, noise=noise_of(study, objective))
        ahead = advice.outlook(study.n_ahead or max(FEWEST_TRIALS, advice.n_trials))
        data = asdict(advice)
        regret = data.pop("regret")
        del data["later_bests"]
        yield {
            "study": request.study.name,
            "name": request.study.value_name(objective),
            **data,
            "may_reach": advice.may_reach,
            "sentences": advice_sentences(advice, ahead),
            "model": regret,
            "outlook": None
            if ahead is None
            else {name: column.tolist() for name, column in asdict(ahead).items()},
        }


def _front_data(request: FigureRequest) -> dict[str, Any]:
    advice = build_front_advice(request.study.trials, chosen_reference(request))
    return {
        "study": request.study.name,
        "name": "front",
        "objective": None,
        "verdict": advice.verdict,
        "n_trials": advice.n_trials,
        "n_front": advice.n_front,
        "hypervolume": advice.volume,
        "reference": advice.history.reference,
        "n_since": advice.n_since,
        "n_recent": advice.n_recent,
        "n_entered": advice.n_entered,
        "grown_recently": advice.grown_recently,
        "grown_later": advice.grown_later,
        "n_to_plateau": advice.n_to_plateau,
        "sentences": front_sentences(advice),
    }

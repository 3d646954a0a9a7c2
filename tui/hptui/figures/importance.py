"""How much each parameter matters."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hptui.analysis.evaluators import EVALUATORS
from hptui.analysis.importance import Importance, judged_trials
from hptui.domain.texts.number_column import number_style
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import cell_width
from hptui.engine.importance.process import compute_importance
from hptui.figures.canvas.chart import LegendEntry, fit_legend
from hptui.figures.canvas.figure import Figure, entry
from hptui.figures.canvas.picture import FINE, Cells, label, line_picture
from hptui.figures.params import chosen_params
from hptui.figures.request import Frame, TitledFigure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.analysis.importance import Importance
    from hptui.figures.canvas.picture import Look
    from hptui.figures.request import FigureRequest


MIN_WIDTH: Final = 16
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_VALUE_WIDTH: Final = 6
_GAP: Final = 1
_ROOM_FOR_SPACES: Final = 2
"""Lines for each parameter from which bars stand apart."""
_SMALL: Final = 0.01


def draw_importance(
    importance: Importance,
    *,
    width: int,
    height: int,
    look: Look = FINE,
    chooser: str = "--param",
) -> Figure:
    """Draw a bar for each parameter, the longest first; those without room are counted."""
    if not importance.shares:
        return Figure.saying(_empty_reason(importance), width, height)
    has_legend = height > 1
    room = height - has_legend
    n_shown = min(len(importance.shares), room)
    legend = _legend(importance, n_shown, chooser, look)
    if width < MIN_WIDTH or n_shown < 1:
        return Figure(line_picture(fit_legend(legend, width), width, height))
    by = _ROOM_FOR_SPACES if room >= _ROOM_FOR_SPACES * n_shown else 1
    shown = importance.shares[:n_shown]
    longest = max(cell_width(label(name, width // 3, look=look)) for name, _ in shown)
    left = longest + 2
    bar_room = max(1, width - left - _GAP - _VALUE_WIDTH)
    greatest = shown[0][1] or 1.0
    cells = Cells(width, height)
    for index, (name, share) in enumerate(shown):
        row = index * by
        text = label(name, width // 3, look=look)
        cells.put(row, left - 1 - cell_width(text), text, "label")
        bar = _bar(share / greatest * bar_room, look=look)
        cells.put(row, left, bar, "best" if index == 0 else "trial")
        cells.put(row, left + len(bar) + _GAP, share_text(share), "label")
    if has_legend:
        cells.put_spans(height - 1, 1, fit_legend(legend, width - 1))
    return Figure(cells.picture())


def share_text(share: float) -> str:
    """Return a share as Optuna labels it: `0.35`, `<0.01`."""
    return f"{share:.2f}" if share >= _SMALL else f"<{_SMALL}"


def _bar(length: float, *, look: Look) -> str:
    if not look.unicode:
        return "#" * round(length)
    whole, eighths = divmod(int(np.rint(length * 8)), 8)
    return "█" * whole + (_EIGHTHS[eighths] if eighths else "")


def _legend(importance: Importance, n_shown: int, chooser: str, look: Look) -> list[LegendEntry]:
    entries = [entry(3, EVALUATORS[importance.evaluator].means)]
    n_used, n_finite = importance.n_used, importance.n_finite
    part = "" if n_used == n_finite else f" of {n_finite:,}"
    drawn = ", drawn at random" if importance.is_sample else ""
    # What is computed of a part must say so.
    entries.append(entry(11 if drawn else 4, f"{n_used:,}{part} complete{drawn}"))
    if importance.says_nothing:
        entries.append(entry(10, "nothing tells them apart yet"))
    if n_shown < len(importance.shares):
        entries.append(
            entry(
                9, f"{n_shown} of {plural(len(importance.shares), 'parameter')}, {chooser} chooses"
            )
        )
    if importance.left_out:
        entries.append(entry(9, f"{len(importance.left_out)} not in all trials, left out"))
    for at, each in enumerate(importance.narrowed):
        style = number_style((each.low, each.high))
        within = f"{style.alone(each.low)} to {style.alone(each.high)}"
        entries.append(entry(9 - min(at, 4), f"{label(each.name, 20, look=look)} in {within}"))
    if importance.uncertain:
        entries.append(entry(6, f"{len(importance.uncertain)} uncertain: spaces of one trial"))
    if importance.n_infinite:
        entries.append(entry(7, f"{importance.n_infinite} infinite, left out"))
    return entries


def _empty_reason(importance: Importance) -> str:
    if importance.n_infinite and not importance.n_finite:
        return "No value is finite, so there is nothing to compare."
    if not importance.n_finite:
        return "No trial has completed yet."
    if importance.left_out:
        title = EVALUATORS[importance.evaluator].title
        return (
            f"{title[0].upper()}{title[1:]} needs a parameter that all complete trials have, with "
            "the same space. PED-ANOVA does not."
        )
    return "The complete trials have no parameters."


_MOST_KEPT: Final = 64


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return the importance for each objective."""
    for objective in request.objectives():
        yield _importance(request, objective)


def _importance(request: FigureRequest, objective: int) -> TitledFigure:
    importance = importance_of(request, objective)

    def draw(frame: Frame) -> Figure:
        return draw_importance(
            importance,
            width=frame.width,
            height=frame.height,
            look=frame.look,
            chooser=request.chooser,
        )

    title = EVALUATORS[request.evaluator].title
    return TitledFigure(f"importance for {request.study.value_name(objective)}, {title}", draw)


def data_of(request: FigureRequest) -> Iterator[dict[str, Any]]:
    """Return the same as plain data."""
    for objective in request.objectives():
        found = importance_of(request, objective)
        yield {
            "study": request.study.name,
            "objective": objective,
            "name": request.study.value_name(objective),
            "evaluator": found.evaluator,
            "importances": dict(found.shares),
            "left_out": list(found.left_out),
            "uncertain": list(found.uncertain),
            "n_used": found.n_used,
            "n_finite": found.n_finite,
            "n_infinite": found.n_infinite,
            "is_sample": found.is_sample,
            "narrowed": {each.name: [each.low, each.high] for each in found.narrowed},
        }


def importance_of(request: FigureRequest, objective: int) -> Importance:
    """Return the importance for one objective, from the cache where the same trials were judged.

    Raises:
        UsageError: The evaluator cannot judge these trials, or not by the parameters that were
            asked for.
    """
    params = chosen_params(request, objective) if request.params else []
    trials, evaluator = request.study.trials, request.evaluator
    key = _key_of(request, objective, params)
    found = _kept.get(key)
    if found is None:
        found = compute_importance(trials, objective, evaluator, params, request.tell)
        _kept.put(key, found)
    return found


class _Kept:
    """The latest answers, for as long as the program runs.

    They are not kept on disk: PED-ANOVA takes less time than reading the study does, and a file
    beside the study would have to be looked after for the sake of the others.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._answers: OrderedDict[bytes, Importance] = OrderedDict()

    def get(self, key: bytes) -> Importance | None:
        """Return an answer that was put under `key`."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def put(self, key: bytes, answer: Importance) -> None:
        """Keep an answer, and forget the one that was not asked for the longest."""
        with self._lock:
            self._answers[key] = answer
            while len(self._answers) > _MOST_KEPT:
                self._answers.popitem(last=False)


_kept: Final = _Kept()


def _key_of(request: FigureRequest, objective: int, params: list[str]) -> bytes:
    # The trials themselves are the key: no edit, filter or other study goes unnoticed.
    judged = judged_trials(request.study.trials, objective, request.evaluator, params)
    digest = blake2b(digest_size=20)
    for param in judged.params:
        digest.update(repr((param.name, param.specs)).encode())
        digest.update(param.values.tobytes())
        digest.update(param.spec_indices.tobytes())
    digest.update(judged.values.tobytes())
    digest.update(judged.numbers.tobytes())
    asked = (request.evaluator, objective, params, judged.direction, judged.is_single)
    counts = (judged.n_finite, judged.n_infinite)
    digest.update(repr((asked, counts)).encode())
    return digest.digest()

"""How much each parameter matters."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from hptui.analysis.evaluators import EVALUATORS
from hptui.analysis.importance import Importance, judged_trials
from hptui.charts.importance_chart import draw_importance
from hptui.engine.importance.process import compute_importance
from hptui.figures.chosen_params import chosen_params
from hptui.figures.request import Frame, TitledFigure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.figures.canvas.figure import Figure
    from hptui.figures.request import FigureRequest

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
            unicode=frame.unicode,
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
    judged = judged_trials(request.study.trials, objective, request.evaluator)
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

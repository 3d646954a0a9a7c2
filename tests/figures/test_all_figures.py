"""Every figure at every size that is looked at, in every look: it fits, and says what it shows."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.figures.looks import LOOKS
from tests.made_trials import param_of, trials_of

from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam
from hptui.domain.study_changes import StudyChange
from hptui.domain.texts.text import cell_width
from hptui.domain.trial_states import COMPLETE, FAIL, PRUNED, RUNNING, WAITING
from hptui.figures.kinds import KINDS
from hptui.figures.request import FigureRequest, Frame, PlottedStudy
from hptui.storage.read.study_detail import runs_of

if TYPE_CHECKING:
    from hptui.figures.canvas.picture import Look

SIZES = ((80, 24), (120, 40), (160, 48), (200, 60))
WIDE = "学習率 λ"
N = 60
# Importance asks another process, and the curves of all trials the file.
DRAWN = [name for name in KINDS if name not in ("importance", "intermediate")]


def study(n_objectives: int) -> PlottedStudy:
    """A study with everything: states, scales, spaces that change, far values, runs, changes."""
    rng = np.random.default_rng(3)
    at = np.arange(N)
    states = np.select(
        [at % 7 == 3, at % 11 == 5, at == N - 2, at == N - 1],
        [PRUNED, FAIL, RUNNING, WAITING],
        COMPLETE,
    )
    values = rng.random((N, n_objectives)) + np.linspace(1, 0, N)[:, None]
    values[8], values[9, 0] = 1e9, math.inf
    values[states != COMPLETE] = math.nan
    spaces = (FloatParam(1e-5, 1, log=True), FloatParam(1e-3, 0.1, log=True))
    params = {
        WIDE: param_of(WIDE, spaces, 10 ** rng.uniform(-3, -1, N), (at > 30).astype(int).tolist()),
        "layers": param_of("layers", IntParam(1, 9), rng.integers(1, 10, N)),
        "kind\x1b[m": param_of(
            "kind\x1b[m", ChoiceParam(("線形", None, "b\x1b[2J")), rng.integers(0, 3, N)
        ),
        "rare": param_of("rare", FloatParam(0, 1), np.where(at % 3, math.nan, rng.random(N))),
    }
    starts_s = 1e9 + 10.0 * at + 1e5 * (at > 30)
    trials = trials_of(
        values,
        ("minimize", "maximize", "minimize")[:n_objectives],
        states=states.tolist(),
        starts_s=np.where(states == WAITING, math.nan, starts_s),
        completes_s=np.where(np.isin(states, (RUNNING, WAITING)), math.nan, starts_s + 15),
        is_feasible=at % 13 != 6,
        last_values=np.where(np.isin(states, (PRUNED, RUNNING)), 1.5, math.nan),
        params=params,
    )
    runs = runs_of([{"started": "2001-09-09T01:46:30"}, {"started": "2001-09-10T05:38:00"}])
    changes = (StudyChange(31, "space", f"{WIDE} low 0.001", 1e9, "jo"),)
    names = () if n_objectives == 1 else tuple(f"目的 {at}" for at in range(n_objectives))
    return PlottedStudy(Path("x.db"), "x", trials, names, runs=runs, changes=changes, n_ahead=25)


@pytest.mark.parametrize(
    ("name", "n_objectives"),
    [(name, count) for name in DRAWN for count in (1, 3) if KINDS[name].suits(count)],
)
def test_it_fits_its_place_and_obeys_nothing(name: str, n_objectives: int) -> None:
    kind = KINDS[name]
    everything = [(*size, look) for size in SIZES for look in LOOKS]
    for is_log, places in ((False, everything), (True, everything[:1])):
        request = FigureRequest((study(n_objectives),), is_log=is_log and "log" in kind.options)
        for titled in kind.figures(request):
            for width, height, look in places:
                drawn = titled.draw(Frame(width, height, look, selected=20))
                _check(drawn.picture.plain(), width, height, look)
                assert not drawn.sentence


def _check(text: str, width: int, height: int, look: Look) -> None:
    lines = text.split("\n")
    assert "\x1b" not in text
    assert len(lines) <= height
    assert max(map(cell_width, lines)) <= width
    assert look.unicode or text.isascii()
    assert not look.unicode or "?" not in text, "a name in another script was not drawn"
    assert len(text.replace("\n", "").strip()) > width, "hardly anything was drawn"

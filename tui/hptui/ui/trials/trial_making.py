"""Making the model of the trial table, with what is wrong with its filter as a sentence."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.analysis.filters.terms import FilterError
from hptui.errors import HptuiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.ui.trials.trial_model import TrialModel


@dataclass(frozen=True, slots=True)
class MadeModel:
    """What came of making a model."""

    model: TrialModel | None
    """None where the filter could not be understood."""
    problem: str = ""
    place: tuple[int, int] | None = None
    """From where to where the filter is wrong."""
    took_s: float = 0.0


def make_model(make: Callable[[], TrialModel]) -> MadeModel:
    """Make a model, or say why not."""
    start_s = time.monotonic()
    try:
        return MadeModel(make(), took_s=time.monotonic() - start_s)
    except FilterError as error:
        # The place in a saved filter is none in what was typed.
        place = None if error.saved_as else (error.start, error.end)
        return MadeModel(None, error.message, place)
    except HptuiError as error:
        return MadeModel(None, error.message)


def make_model_anyhow(make: Callable[[], TrialModel]) -> MadeModel:
    """Make a model in a thread that must have an answer, whatever goes wrong."""
    try:
        return make_model(make)
    except Exception as error:  # noqa: BLE001 - without an answer the table would stand still
        what = f"{type(error).__name__}: {error}"
        return MadeModel(None, f"This failed: {what}")

"""The bundled objectives, as an installed hptui finds them."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

import optuna
import pytest

Objective = Callable[[optuna.Trial], "float | tuple[float, ...]"]


@pytest.fixture(autouse=True)
def plain_optuna(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test as in a shell that knows nothing of hptui."""
    monkeypatch.delenv("HPTUI_TRIAL_DIR", raising=False)


@pytest.fixture
def load() -> Callable[[str], Objective]:
    """Load an objective by the name of its entry point."""

    def load(name: str) -> Objective:
        (found,) = entry_points(group="hptui.objectives", name=name)
        return found.load()

    return load

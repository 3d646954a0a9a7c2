"""Each test of the application has settings, studies and logs of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from textual import _wait
from textual._compositor import Compositor

from hptui.ui.driving.drive import let_messages_pass

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv("HPTUI_SETTINGS", str(tmp_path / "settings" / "settings.toml"))
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path / "studies"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("NO_COLOR", "TEXTUAL", "LC_ALL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _idle_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    """Have what presses keys and pauses wait until messages are handled, on a busy machine too."""

    async def wait_for_idle(*limits_s: float) -> None:
        await _wait.wait_for_idle(*limits_s)
        await let_messages_pass()

    for module in ("app", "pilot"):
        monkeypatch.setattr(f"textual.{module}.wait_for_idle", wait_for_idle)


@pytest.fixture(autouse=True)
def _drawn_when_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    """Spare what no terminal shows: without one, updates of the screen are made and dropped.

    Whoever looks has the whole screen drawn, as before. `test_terminal.py` has updates.
    """
    original: Any = cast("Any", Compositor).render_update

    def render_update(self: Compositor, full: bool = False, **more: Any) -> Any:
        if full:
            return original(self, full, **more)
        self._dirty_regions.clear()  # pyright: ignore[reportPrivateUsage]
        return None

    monkeypatch.setattr(Compositor, "render_update", render_update)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The studies folder, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    studies = tmp_path / "studies"
    studies.mkdir()
    return studies

"""What is drawn anew on a screen, beside what Textual's own compositor draws of it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.ui.driving import drive
from tests.ui.studies_to_view import write_studies
from textual._compositor import Compositor, CompositorUpdate
from textual.geometry import Region

from hptui.ui.compositor import QuickCompositor

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.ui.app import HptuiApp

# pyright: reportPrivateUsage=false, reportUnknownMemberType=false

SCRIPT = """
wait "mixed"
size 60x20
press enter
wait "mixed"
press j j
wait "complete"
press ?
wait "Keys"
press escape ctrl+p
wait "find a command"
size 130x40
type no
wait "ote"
press escape
wait "mixed"
"""


class _Pair:
    """Draws with both compositors what the screen looks like at one moment."""

    def __init__(self) -> None:
        self.rng = random.Random(5)
        self.drawn = 0

    def look(self, app: HptuiApp) -> None:
        ours = app.screen._compositor
        assert isinstance(ours, QuickCompositor)
        textuals = Compositor()
        size = ours.size
        assert ours.texts() == [strip.text for strip in Compositor.render_strips(ours)]
        for n_regions in (1, 1, 2, 5):
            regions = {self._region(size.width, size.height) for _ in range(n_regions)}
            drawn: list[str] = []
            for each in (ours, textuals):
                left = ours._dirty_regions
                vars(textuals).update(vars(ours))
                each._dirty_regions = set(regions)
                update = each.render_update(screen_stack=app._background_screens)
                assert isinstance(update, CompositorUpdate)
                drawn.append(update.render_segments(app.console))
                assert each._dirty_regions == set()
                ours._dirty_regions = left
            assert drawn[0] == drawn[1]
            self.drawn += bool(drawn[0])

    def _region(self, width: int, height: int) -> Region:
        x, y = self.rng.randrange(width), self.rng.randrange(height)
        wide, high = self.rng.randint(1, width - x), self.rng.randint(1, height - y)
        return Region(x, y, wide, high)


def test_what_has_changed_is_drawn_as_textual_draws_it(folder: Path) -> None:
    write_studies(folder / "many.db")
    pair = _Pair()
    drive(SCRIPT, observe=pair.look)
    assert pair.drawn > 50

"""The colours of `RAMP`: perceptually even, told apart by their lightness alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.figures.canvas.roles import RAMP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.figures.canvas.roles import Role

VIRIDIS: Final = (
    "440154 481a6c 472f7d 414487 39568c 31688e 2a788e 23888e "
    "1f988b 22a884 35b779 54c568 7ad151 a5db36 d2e21b fde725"
)
"""Of matplotlib, by S. van der Walt and N. Smith, 2015 (CC0), in 16 steps."""
CIVIDIS: Final = (
    "00204d 00306f 2a406c 48526b 5e626e 727374 878479 9e9677 b6a971 d0be67 ead357 ffea46"
)
"""For all kinds of colour vision, by J. R. Nuñez, C. R. Anderton and R. S. Renslow, 2018 (CC0)."""
_SHOWN_FROM: Final = 0.12
"""Of a ramp: what is darker can hardly be told from a dark ground."""


def ramp_colours(colours: str, *, is_dark: bool) -> dict[Role, str]:
    """Return a colour for each role of `RAMP`; on a light ground the best is the darkest."""
    anchors = [bytes.fromhex(each) for each in colours.split()]
    first, last = (_SHOWN_FROM, 1.0) if is_dark else (1.0 - _SHOWN_FROM, 0.0)
    step = (last - first) / (len(RAMP) - 1)
    return {role: _colour_at(anchors, first + at * step) for at, role in enumerate(RAMP)}


def _colour_at(anchors: Sequence[bytes], share: float) -> str:
    place = min(max(share, 0.0), 1.0) * (len(anchors) - 1)
    below = min(int(place), len(anchors) - 2)
    part = place - below
    pairs = zip(anchors[below], anchors[below + 1], strict=True)
    return "#" + "".join(f"{round(low + part * (high - low)):02x}" for low, high in pairs)

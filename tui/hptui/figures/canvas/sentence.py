"""A sentence where a chart would be: why there is nothing to see."""

from __future__ import annotations

import textwrap

from hptui.figures.canvas.picture import Cells, Picture

_MARGIN = 2


def sentence_picture(sentence: str, width: int, height: int) -> Picture:
    """Return a picture with the sentence in its middle, wrapped; what does not fit is cut.

    The sentence must be safe for a terminal already, one cell for a character.
    """
    if width < 1 or height < 1:
        return Picture()
    room = max(1, width - 2 * _MARGIN) if width > 4 * _MARGIN else width
    lines = textwrap.wrap(sentence, room)[:height]
    cells = Cells(width, height)
    longest = max(map(len, lines), default=0)
    for row, line in enumerate(lines, start=(height - len(lines)) // 2):
        cells.put(row, (width - longest) // 2, line, "note")
    return cells.picture()

"""All that a picture can be made of."""

from __future__ import annotations

from hptui.figures.canvas.picture import ASCII, COLOURED, FINE, Look

LOOKS = (FINE, COLOURED, Look("blocks"), ASCII)

"""Messages that come and go cover neither a dialog nor the row of the cursor."""

from __future__ import annotations

import pytest

from hptui.ui.application.message_place import MessagePlace, choose_place


@pytest.mark.parametrize(
    ("needed", "taken", "place"),
    [
        (2, None, MessagePlace("bottom")),
        (2, (5, 6), MessagePlace("bottom")),
        (2, (20, 21), MessagePlace("bottom")),
        (2, (21, 22), MessagePlace("top")),
        (3, (2, 22), MessagePlace("top", 2)),
        (3, (1, 21), MessagePlace("bottom", 2)),
        (1, (0, 24), MessagePlace("bottom", 0)),
    ],
)
def test_a_place_is_free(needed: int, taken: tuple[int, int] | None, place: MessagePlace) -> None:
    assert choose_place(24, needed, taken, below=1) == place

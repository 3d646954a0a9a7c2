"""When the other end of a connection counts as lost."""

from __future__ import annotations

import pytest

from hptui.engine.workers.remote.silence import AGENT_PATIENCE, LOOKS, Looks, Silence


def looks_until_lost(heard: list[int], patience: int = 1) -> int | None:
    silence = Silence()
    found = (number for number, n in enumerate(heard, 1) if silence.look(n, patience))
    return next(found, None)


@pytest.mark.parametrize(
    ("heard", "at"),
    [
        ([0, 1, 2, 3, 4, 5], None),
        ([0, 0, 0, 0], LOOKS),
        ([5, 5, 5, 6, 6, 6, 7], None),
        ([5, 6, 6, 6, 6], 5),
    ],
)
def test_who_is_silent_at_several_looks_is_lost(heard: list[int], at: int | None) -> None:
    assert looks_until_lost(heard) == at


def test_an_agent_is_more_patient() -> None:
    at = looks_until_lost([0] * 100, AGENT_PATIENCE)
    assert at == LOOKS * AGENT_PATIENCE


def test_who_could_not_look_for_long_looks_once() -> None:
    looks = Looks(30.0)
    assert looks.are_due(100.0)
    assert not looks.are_due(107.0)
    assert looks.due_s == 107.5
    # The machine was suspended for an hour.
    assert looks.are_due(3_700.0)
    assert not looks.are_due(3_701.0)

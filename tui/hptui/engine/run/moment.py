"""One moment of a study: what its engine answers, with the counts that its file has.

An engine knows of trials that its file does not have yet, and the file has trials that have ended
since the engine answered. Who shows both asks the engine, reads the file, and tells them as one
here: what the file knows is taken from the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATES: Final = {"complete": "COMPLETE", "pruned": "PRUNED", "fail": "FAIL"}


def in_one_moment(answer: Mapping[str, Any], in_file: Mapping[str, int]) -> dict[str, Any]:
    """Return the answer to `status` with the counts of the run as the file has them.

    Args:
        answer: What the engine says; its `others` are the trials of the study that have ended and
            are not of its run. An engine of an older version says none, and keeps its own counts.
        in_file: How many trials of the study are in each state, by the words of `trial_states`.
    """
    others = answer.get("others")
    if others is None:
        return dict(answer)
    counts = {
        word: max(0, in_file.get(state, 0) - int(others[word])) for word, state in _STATES.items()
    }
    return {**answer, "counts": counts}

"""The tabs of the trial table, and what it says where there is no trial to show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import state_name
from hptui.ui.commands.command_table import KeyOf, default_key
from hptui.ui.look.marks import mark_of
from hptui.ui.trials.trial_model import TAB_STATES, Tab

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.ui.study.snapshot import StudySnapshot

_WORDS: Final[dict[Tab, tuple[str, str]]] = {
    tab: (state_name(state), "completed" if tab == "complete" else tab)
    for tab, state in TAB_STATES.items()
    if state is not None
}
_NOTHING: Final[dict[Tab, str]] = {
    "running": "No trial is running.",
    "complete": "No trial has completed yet.",
    "pruned": "No trial was pruned.",
    "failed": "No trial has failed.",
    "waiting": "No trial is waiting.",
    "stale": "No trial is stale.",
}
_COUNT_WIDTH: Final = 3
_WIDTH: Final = 102
_WIDTH_WITHOUT_STALE: Final = 88
"""With fewer cells, tabs without trials are marks alone, and all are where that is too much."""
_LEAST_GAP: Final = 2
"""Cells between two tabs."""


def tab_labels(
    counts: Mapping[str, int], chosen: Tab = "all", *, width: int, has_unicode: bool
) -> tuple[list[tuple[str, str]], frozenset[str]]:
    """Return the tabs' ids and labels with counts, and the ids of those that have trials.

    Stale trials have a tab only where there are any, or it is the chosen one.

    Args:
        counts: Trials by the words of `trial_states.STATE_NAMES`, of those that the filter means.
        chosen: The tab that is shown.
        width: In cells; where there is no room for all words, tabs without trials have none.
        has_unicode: Whether marks may be more than ASCII.
    """
    words = dict(_WORDS)
    n_trials = sum(counts.values())
    if not counts.get("STALE", 0) and chosen != "stale":
        del words["stale"]
    of_tabs = {tab: counts.get(state, 0) for tab, (state, _) in words.items()}
    full = {"all"} if n_trials else set[str]()
    full |= {tab for tab, count in of_tabs.items() if count}

    def labels(named: frozenset[str], pad: int) -> list[tuple[str, str]]:
        first = "All" if named else "all"
        made = [("all", f"{first} {n_trials:<{pad}}")]
        for tab, (state, word) in words.items():
            mark = mark_of(state, has_unicode=has_unicode)
            name = f"{mark} {word.capitalize()}" if tab in named else mark
            made.append((tab, f"{name} {of_tabs[tab]:<{pad}}"))
        return made

    if width >= (_WIDTH if "stale" in words else _WIDTH_WITHOUT_STALE):
        # Few digits have the place of three, so that tabs do not move with each trial.
        return labels(frozenset(words), _COUNT_WIDTH), frozenset(full)
    of_some = labels(frozenset({*full, chosen}), 0)
    if sum(len(label) + _LEAST_GAP for _, label in of_some) <= width + _LEAST_GAP:
        return of_some, frozenset(full)
    return labels(frozenset(), _COUNT_WIDTH), frozenset(full)


def empty_sentence(
    snapshot: StudySnapshot, tab: Tab, filter_text: str, key_of: KeyOf = default_key
) -> str:
    """Return what stands in the place of trials when there are none to show."""
    if snapshot.loading is not None and not snapshot.n_trials:
        return "Reading the trials."
    if not snapshot.n_trials:
        return "There is no trial yet."
    in_tab = TAB_STATES[tab] is None or bool(snapshot.counts.get(_WORDS[tab][0], 0))
    if filter_text.strip() and in_tab:
        shown = safe_line(filter_text.strip(), max_chars=60)
        return f"No trial matches {shown}; {key_of('back')} clears the filter."
    if tab == "complete" and (n_running := snapshot.counts.get("RUNNING", 0)):
        return f"No trial has completed yet; {plural(n_running, 'is', 'are')} running."
    return _NOTHING.get(tab, "There is no trial yet.")

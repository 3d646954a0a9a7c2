"""A key means the same on all screens, or stands here with the reason why not."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from hptui.ui.commands.command_table import COMMANDS

SAME: Final = (
    {"open-study", "open-trial", "edit-field", "filter-cause", "unfold"},
    {"run-again", "run-study", "retry-cause"},
    {"delete-study", "kill-trial"},
    {"mend-study", "failures"},
    {"toggle-log", "log-axis"},
    {"choose", "next-objective"},
)
"""Commands that are one thing to a person: open what is under the cursor, do it again, do away
with it after a question, look what went wrong, use a log scale, choose what is shown."""
EXCEPTIONS: Final = {
    "space": "marks a row where rows can be marked, and pauses what plays, as everywhere else",
    "c": "compares studies; a study's table has columns to choose",
    "o": "opens what the screen is about: another objective, a page in the browser, a trial",
    "b": "a run has a budget; a comparison has a bound to reach",
    "equals_sign": "+ without shift where a keyboard has both on one key",
}
"""Keys that mean different things on different screens."""


def _meanings() -> dict[str, set[str]]:
    meanings: dict[str, set[str]] = defaultdict(set)
    for command in COMMANDS:
        family = next((min(each) for each in SAME if command.id in each), command.id)
        for key in command.keys:
            meanings[key].add(family)
    return meanings


def test_a_key_means_the_same_on_all_screens() -> None:
    several = {key: found for key, found in _meanings().items() if len(found) > 1}
    assert several.keys() == EXCEPTIONS.keys(), several


def test_a_key_is_given_once_on_a_screen() -> None:
    for place in {command.place for command in COMMANDS}:
        here = [key for each in COMMANDS if each.place in {place, "app"} for key in each.keys]
        assert len(here) == len(set(here)), place

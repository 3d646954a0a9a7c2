"""Ways through the application that lead to every screen, on studies that are hostile.

Whoever adds a screen, a dialog or a widget adds the steps that show it to one of these, or a
journey of its own; `test_hostile.py` names what none of them has shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.ui.hostile_studies import MARK

from hptui.registry.catalogue import resolve
from hptui.ui.dialogs.pick import PickDialog, PickItem
from hptui.ui.dialogs.questions import MessageDialog
from hptui.ui.setup.setup_screen import SetupScreen
from hptui.ui.studies.studies_screen import StudiesScreen
from hptui.ui.study.study_screen import StudyScreen

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.screen import Screen

OBJECTIVES: Final = Path(__file__).with_name("objectives_hostile.py")


@dataclass(frozen=True)
class Places:
    """What journeys go through."""

    folder: Path
    """Holds the studies' files."""
    file: Path
    """A study that nobody runs."""
    study: str
    wide: Path
    """A study of a thousand parameters."""
    live: Path
    """A study that an engine runs: two trials wait in it, one has failed."""
    live_study: str


@dataclass(frozen=True)
class Journey:
    """A script from a first screen on."""

    home: Callable[[Places], Screen[Any]]
    script: str
    size: str = "120x40"
    is_live: bool = False
    """Whether it needs the study that runs."""


def _resized(*steps: str) -> str:
    """Return the steps at each size."""
    sizes = ("80x24", "180x30")
    return "\n".join("\n".join((f"size {size}", *steps)) for size in sizes)


JOURNEYS: Final[dict[str, Journey]] = {
    "the list of studies, and what is done with one": Journey(
        lambda _: StudiesScreen(),
        f"""
        wait "{MARK}" 20s
        {_resized(f'expect "{MARK}"', "press j", "press j", "press k")}
        press G k k g s s I s s
        press R
        wait "enter accept"
        press escape d
        wait "Duplicate"
        press escape x
        wait "Delete"
        press escape E
        wait "Export"
        press tab
        press escape m
        wait "esc leave"
        press escape #
        wait "enter save"
        press escape
        press g f
        wait "Doctor of"
        wait "remove them"
        press escape F
        wait "Fork"
        wait "would have" 20s
        press escape J
        wait "marks the studies" 20s
        press escape i
        wait "Import trials"
        press escape
        press space j space
        wait "2 marked"
        press c
        wait "parameters of the best" 20s
        wait "{MARK}"
        size 80x24
        press t
        wait "{MARK}"
        size 180x40
        press escape
        wait "9 studies"
        press ?
        wait "Keys"
        press escape
        press /
        type [b]m
        wait "{MARK}"
        press escape
        press ctrl+p
        wait "find a command"
        press escape
        wait "{MARK}"
        """,
        "200x60",
    ),
    "a study that nobody runs, and its trials": Journey(
        lambda places: StudyScreen(places.file, places.study),
        f"""
        wait "Completed 6" 20s
        wait "{MARK}"
        {_resized('wait "history"', "press g", f'wait "{MARK}"', "press v", "press v")}
        press t t t t t
        press c
        wait "Columns"
        press j j space escape
        press /
        type state = failed
        press enter escape
        press y
        press f
        wait "newest trial, #7"
        wait "{MARK}"
        press escape
        press g m
        wait "shown as text"
        press e
        wait "ctrl+r read"
        press escape #
        wait "enter save"
        wait "right complete"
        wait "its tag"
        press escape
        press r
        wait "objective" 20s
        press escape
        wait "history"
        press x
        press g
        press G
        press g C j C
        wait "#0 and #1"
        wait "≠ [b]m"
        press escape G
        press enter
        wait "#8"
        wait "waiting"
        press [
        wait "failed"
        press enter
        wait "▾ traceback"
        {_resized(f'wait "{MARK}"', "press t", "press t", "press t", "press tab")}
        press [
        wait "pruned"
        press t t t t
        press [ [
        wait "complete"
        wait "{MARK}\\\\x00in{" " * 16}0.5"
        press /
        type [b]m
        press enter
        wait "8 lines with"
        press y
        press ctrl+p
        wait "find a command"
        press escape
        press ?
        wait "Keys"
        press escape escape
        wait "history"
        press s
        wait "Sort by"
        press escape
        press c
        wait "Columns"
        press a enter
        wait "memory"
        press I l l > <
        size 1x1
        size 10x3
        size 41x12
        wait "all 9"
        size 120x40
        wait "{MARK}"
        """,
    ),
    "the figures of a study": Journey(
        lambda places: StudyScreen(places.file, places.study),
        """
        wait "Completed 6" 20s
        press 2
        wait "─ intermediate"
        press 4
        wait "by parameter"
        press 5
        wait " and [b]m"
        press B enter shift+left shift+up
        wait "enter takes it"
        press enter
        wait "Region"
        press escape 5
        wait "rank of"
        press h
        wait "What the view shows"
        press j space escape
        press 6
        wait "across their parameters"
        press 7
        wait "trials by [b]m"
        press 8
        wait "trials by worker"
        press 1
        wait "history"
        press P
        wait "Report on [b]m"
        press escape
        wait "history"
        """,
        "160x36",
    ),
    "a thousand parameters": Journey(
        lambda places: StudyScreen(places.wide, "wide"),
        """
        wait "Completed 3" 20s
        press right right right end
        press c
        wait "Columns"
        press G space enter
        press g enter
        wait "parameter_000"
        press G
        wait "parameter_999" 20s
        press escape
        wait "history"
        """,
    ),
    "a study that runs, steered": Journey(
        lambda places: StudyScreen(places.live, places.live_study),
        f"""
        wait "running" 20s
        wait "Failed 1" 20s
        {_resized('wait "history"', f'wait "{MARK}"')}
        press space
        wait "paused"
        press space
        wait "▶ running"
        press e
        wait "Edit the space of"
        wait "{MARK}"
        press enter
        type 7
        wait "must not be above"
        press escape =
        type 0.5
        press enter
        wait "once applied"
        press G =
        wait "Fix choice"
        press escape
        {_resized(f'wait "{MARK}"')}
        press escape
        wait "The edits are not applied yet."
        press l
        wait "history"
        press a
        wait "Enqueue a trial"
        type 7
        wait "cannot be 7"
        press down down down down ctrl+n ctrl+n
        {_resized(f'wait "{MARK}"')}
        press escape
        press b
        wait "How many more?"
        press escape S
        wait "Stop the run?"
        press escape q
        wait "Leave hptui?"
        press escape G x
        wait "Kill trial"
        press escape
        press enter
        wait "running"
        press t
        wait "{MARK}"
        press x
        wait "Kill trial"
        press escape escape
        wait "history"
        press r
        press ctrl+p
        wait "find a command"
        press escape
        wait "history"
        press a
        wait "Enqueue a trial"
        press enter
        wait "waits for a worker"
        wait "Waiting 1"
        press U
        wait "1 trial waits."
        press f
        wait "Moved trial"
        press x
        wait "Cancelled trial"
        press escape
        wait "history"
        """,
        is_live=True,
    ),
    "a run set up": Journey(
        lambda _: SetupScreen(resolve(f"{OBJECTIVES}:hostile", Path.cwd()).ref, None),
        f"""
        wait "found by" 30s
        wait "{MARK}"
        press enter
        type 7
        wait "Low is 7.0 and high is 1.0"
        press escape =
        type 0.5
        press enter
        wait "1 edited"
        press down down down down =
        wait "Fix choice"
        wait "{MARK}"
        press down enter
        wait "2 edited"
        press tab enter
        press escape
        press tab tab
        {_resized(f'wait "{MARK}"')}
        press o
        wait "Choose an objective"
        type {OBJECTIVES.parent}/objectives_h
        wait "objectives_hostile.py"
        type [b]m[/nothing]
        press enter escape
        press Y
        press ?
        wait "Keys"
        press escape
        wait "{MARK}"
        """,
    ),
    "a message": Journey(
        lambda places: MessageDialog(places.study, places.study),
        f'wait "{MARK}"\nsize 80x24\nwait "{MARK}"',
    ),
    "something to pick": Journey(
        lambda places: PickDialog(places.study, _items(places.study), prompt=places.study),
        f'wait "{MARK}"\ntype [b]m[/\nwait "{MARK}"\nsize 80x24\nwait "{MARK}"',
    ),
}


def _items(text: str) -> list[PickItem]:
    return [
        PickItem(text, text, text),
        PickItem("2", text, disabled_reason=text),
        PickItem("3", "plain"),
    ]

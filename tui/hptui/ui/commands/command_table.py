"""Every command of the application: footer, help, palette and the key table come from this list.

`CommandHost` is what they need of the screen, `KeyOf` what sentences need to name a key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, Protocol, runtime_checkable

from hptui.ui.commands.key_names import key_text
from hptui.ui.plots.views import VIEWS

Place = Literal["app", "studies", "setup", "study", "failures", "trial", "compare"]
"""Where a command can be given: everywhere, or on one screen."""


@dataclass(frozen=True, slots=True)
class Command:
    """Something a person can do with a key; a screen's method `do_<id>` does it."""

    id: str
    """Stable: settings name it. `-` between words; the method has `_` instead."""
    keys: tuple[str, ...]
    """Default keys as Textual names them; the first one is shown."""
    label: str
    """One or two words for the footer."""
    title: str
    """A sentence without a full stop, for help and palette."""
    place: Place
    in_footer: bool = True

    @property
    def method(self) -> str:
        """The name of the method that does it."""
        return "do_" + self.id.replace("-", "_")


def _all() -> tuple[Command, ...]:
    rows: dict[Place, tuple[tuple[str, tuple[str, ...], str, str, bool], ...]] = {
        "app": (
            ("help", ("question_mark", "f1"), "help", "Show the keys that work here", True),
            ("palette", ("ctrl+p",), "commands", "Find a command by its name", True),
            ("back", ("escape",), "back", "Go one step back", False),
            ("next-pane", ("tab",), "next pane", "Go to the next pane", False),
            ("previous-pane", ("shift+tab",), "previous pane", "Go to the previous pane", False),
            (
                "full-screen",
                ("z",),
                "full screen",
                "Maximize the pane, or restore it",
                False,
            ),
            ("filter", ("slash",), "filter", "Filter the list, or search the log", True),
            ("copy", ("y",), "copy", "Copy what is under the cursor", False),
            ("theme", ("f8",), "theme", "Use the next theme", False),
            ("quit", ("q", "ctrl+q"), "quit", "Quit hptui; runs can continue without it", True),
        ),
        "studies": (
            ("open-study", ("enter",), "open", "Open the study under the cursor", True),
            ("new-study", ("n",), "new", "Set up a new study", True),
            ("run-again", ("r",), "run again", "Set up the next run of this study", True),
            ("mend-study", ("f",), "doctor", "Find problems and fix them", False),
            ("duplicate-study", ("d",), "duplicate", "Copy this study under another name", True),
            ("fork-study", ("F",), "fork", "Copy the trials that fit into a new study", False),
            ("merge-studies", ("J",), "merge", "Merge this study with others", False),
            (
                "import-trials",
                ("i",),
                "import",
                "Import trials from a CSV, JSON or Parquet file",
                False,
            ),
            ("rename-study", ("R",), "rename", "Give this study another name", False),
            ("delete-study", ("x",), "delete", "Move this study to the trash", True),
            ("undo", ("u",), "undo", "Undo the latest deletion", True),
            ("export-study", ("E",), "export", "Export the trials to a file", True),
            ("edit-note", ("m",), "note", "Read or write the note of this study", False),
            ("edit-tags", ("number_sign",), "tags", "Change the tags of this study", False),
            ("sort", ("s",), "sort", "Sort by the next column (trend: by late gains)", False),
            ("reverse", ("I",), "reverse", "Reverse the order", False),
            ("report-study", ("P",), "report", "Write a report on this study", False),
            ("mark-study", ("space",), "mark", "Mark or unmark this study", False),
            ("compare-studies", ("c",), "compare", "Compare the marked studies, or two", True),
        ),
        "setup": (
            ("start", ("f5",), "start", "Start the run", True),
            ("fork-space", ("f6",), "fork", "Fork the study with this search space", False),
            ("edit-field", ("enter",), "edit", "Edit the field under the cursor", True),
            (
                "fix-param",
                ("equals_sign",),
                "fix",
                "Fix the parameter, or free it",
                True,
            ),
            ("reset-field", ("backspace",), "reset", "Undo the edits of this parameter", True),
            ("toggle-log", ("l",), "log", "Switch between a log and a linear scale", True),
            ("probe", ("p",), "probe", "Look for parameters again", True),
            ("pick-objective", ("o",), "objective", "Choose another objective", True),
            ("copy-command", ("Y",), "copy command", "Copy the equivalent command line", True),
        ),
        "study": (
            ("open-trial", ("enter",), "open", "Open the trial under the cursor", True),
            ("run-study", ("r",), "run", "Set up the next run of this study", True),
            ("pause", ("space",), "pause", "Pause or resume the run", True),
            ("stop", ("S",), "stop", "Stop the run", True),
            ("failures", ("f",), "failures", "List the causes of failed trials", True),
            ("edit-space", ("e",), "edit space", "Edit the search space of the next trials", True),
            ("budget", ("b",), "budget", "Add trials to the budget", True),
            ("add-trial", ("a",), "add trial", "Enqueue a trial by hand", True),
            ("queue", ("U",), "queue", "Order or cancel the trials that wait", False),
            ("more-workers", ("plus", "equals_sign"), "worker", "Add a worker", True),
            ("fewer-workers", ("minus",), "worker", "Remove a worker", True),
            ("kill-trial", ("x",), "kill", "End the selected running trial", True),
            ("copy-trial", ("A",), "copy trial", "Enqueue an edited copy of this trial", False),
            ("limit-time", ("T",), "time limit", "End the run after a time from now", False),
            ("export-study", ("E",), "export", "Export the trials that are shown", False),
            ("save-filter", ("ctrl+s",), "save filter", "Save the filter as @name", False),
            ("edit-note", ("m",), "note", "Read or write the note of this trial", False),
            ("report-study", ("P",), "report", "Write a report on the study", False),
            ("write-page", ("o",), "page", "Write this view as an interactive page", False),
            ("edit-study-note", ("M",), "study note", "Read or write the note of the study", False),
            ("edit-tags", ("number_sign",), "tags", "Change the tags of this trial", False),
            ("compare-trial", ("C",), "compare", "Compare this trial with another", False),
            ("fork-study", ("F",), "fork", "Fork the study, with the trials shown here", False),
            ("sort", ("s",), "sort", "Choose the column to sort by", False),
            ("reverse", ("I",), "reverse", "Reverse the order", False),
            ("go-to-trial", ("colon",), "go to", "Go to a trial by its number", False),
            ("columns", ("c",), "columns", "Choose the columns", False),
            ("loads", ("W",), "loads", "Show what each worker loads, or less of it", False),
            ("next-tab", ("t",), "state", "Show the trials of the next state", True),
            *((view.command_id, (view.key,), view.name, view.title, False) for view in VIEWS),
            ("log-axis", ("l",), "log axis", "Switch between a log and a linear axis", False),
            ("choose", ("h",), "choose", "Choose what the view shows", False),
            ("brush", ("B",), "mark region", "Mark a region of the view, to use it", False),
            ("write-view", ("w",), "write", "Write the view to a file, as SVG or text", False),
            ("lower", ("left_parenthesis",), "lower", "Make the plots shorter", False),
            ("taller", ("right_parenthesis",), "taller", "Make the plots taller", False),
            ("zoom-in", ("greater_than_sign",), "zoom in", "Show the later half", False),
            ("zoom-out", ("less_than_sign",), "zoom out", "Show twice as much", False),
            ("curve", ("v",), "curve", "Show or hide the second plot", False),
            ("detail", ("D",), "detail", "Show or hide the detail column", False),
        ),
        "failures": (
            ("filter-cause", ("enter",), "trials", "Show the trials of this cause", True),
            ("open-newest", ("o",), "newest", "Open the newest trial of this cause", True),
            ("retry-cause", ("r",), "retry", "Retry the trials of this cause", True),
            ("retry-failed", ("asterisk",), "retry all", "Retry all failed trials", True),
        ),
        "trial": (
            ("next-trial", ("right_square_bracket",), "next", "Go to the next trial", True),
            (
                "previous-trial",
                ("left_square_bracket",),
                "previous",
                "Go to the previous trial",
                True,
            ),
            ("next-tab", ("t",), "tab", "Show the next tab", True),
            ("unfold", ("enter",), "traceback", "Unfold or fold the traceback", True),
            ("edit-note", ("m",), "note", "Read or write the note of this trial", True),
            ("edit-tags", ("number_sign",), "tags", "Change the tags of this trial", True),
            ("kill-trial", ("x",), "kill", "End this running trial", False),
            ("copy-trial", ("A",), "copy trial", "Enqueue an edited copy of this trial", True),
            ("log-axis", ("l",), "log axis", "Switch between a log and a linear axis", False),
        ),
        "compare": (
            ("open-study", ("enter",), "open", "Open the study under the cursor", True),
            ("next-tab", ("t",), "part", "Show the next part, if not all fit", True),
            ("log-axis", ("l",), "log axis", "Switch between a log and a linear axis", True),
            ("next-objective", ("h",), "objective", "Compare by the next objective", True),
            ("reach-value", ("b",), "value", "Choose the value to reach", True),
        ),
    }
    return tuple(
        Command(name, keys, label, title, place, in_footer)
        for place, group in rows.items()
        for name, keys, label, title, in_footer in group
    )


COMMANDS: Final = _all()
MOVING: Final = (
    (("j", "k", "up", "down"), "Move in lists, tables and logs"),
    (("g", "G", "home", "end"), "Go to the first, or to the last"),
    (("ctrl+d", "ctrl+u"), "Move by half a page; the page keys move by a page"),
    (("5", "j"), "Move five times as far, where digits are no keys of the screen"),
    (("left", "right", "up", "down"), "In a plot, go to the nearest trial that way"),
)
"""The keys that move in lists, tables and logs, as people write them, and what they do.

They are no commands and stay as they are.
"""


def keys_by_default(command_id: str) -> tuple[str, ...]:
    """Return the keys of a command where the settings give it no others."""
    return next(command.keys for command in COMMANDS if command.id == command_id)


def commands_of(place: Place) -> tuple[Command, ...]:
    """Return the commands that can be given on a screen, its own before those of everywhere."""
    own = tuple(command for command in COMMANDS if command.place == place)
    everywhere = tuple(command for command in COMMANDS if command.place == "app")
    return own if place == "app" else own + everywhere


KeyOf = Callable[[str], str]
"""Returns the first key of a command as people write it; the application knows the settings."""


def default_key(command_id: str) -> str:
    """Return the first key of a command where the settings give it no other."""
    return key_text(keys_by_default(command_id)[0])


@runtime_checkable
class CommandHost(Protocol):
    """Something that has commands."""

    PLACE: ClassVar[Place]
    """Which commands belong to it."""

    def offers(self, command: Command) -> bool:
        """Say whether a command has a meaning here at all, usable now or not."""
        ...

    def refusal(self, command: Command) -> str | None:
        """Return why a command cannot be used now, or None where it can."""
        ...

    def label_of(self, command: Command) -> str:
        """Return what the footer calls a command now."""
        ...

    async def run_command(self, command_id: str) -> None:
        """Do what a command says, or tell why it cannot be done."""
        ...

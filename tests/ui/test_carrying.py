"""Forking, merging and importing in the application, as a person does it."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import optuna
import pytest
from tests.storage.study_file import FLOAT, StudyFile
from tests.ui.a_screen import AScreen
from tests.ui.driving import drive
from tests.waiting import DEADLINE_S
from textual.widgets import Static

from hptui.domain.spaces.edits import ParamEdit
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam, ParamSpec
from hptui.errors import SpaceError
from hptui.storage.read.studies import study_names
from hptui.ui.forms.fields import FormField
from hptui.ui.studies.fork_form import edit_of, spell_space
from hptui.ui.studies.transfer_dialog import TransferDialog
from hptui.ui.studies.transfer_form import FormContent, LookAhead, TransferForm

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.ui.studies.study_actions import Outcome
    from hptui.ui.studies.transfer_form import Progress, Texts

ABC = json.dumps({"name": "CategoricalDistribution", "attributes": {"choices": ["a", "b", "c"]}})


@pytest.fixture
def folder(folder: Path) -> Path:
    """The studies folder with `one`: 12 complete trials, one failed, one running."""
    with StudyFile(folder / "one.db") as built:
        built.add_study("one")
        built.run("BEGIN")
        for i in range(12):
            built.add_trial(i, params={"x\x1b[2J": (i / 12, FLOAT), "kernel": (i % 3, ABC)})
        built.add_trial(state="FAIL")
        built.add_trial(state="RUNNING")
        built.run("COMMIT")
    return folder


def trials(folder: Path, name: str) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=name, storage=f"sqlite:///{folder / name}.db").trials


def test_a_study_is_forked_merged_and_gets_trials_from_a_file(folder: Path) -> None:
    names = [f"p{index}" for index in range(1, 20)]
    rows = [",".join(str(row) for _ in names) for row in range(9)]
    (folder.parent / "wide.csv").write_text(
        "\n".join([",".join([*names, "value"]), *(f"{row},1" for row in rows)])
    )
    (folder.parent / "more.csv").write_text("x,kernel,value\n0.5,a,1\n0.25,b,2\nhalf,b,3\n")
    (folder.parent / "foreign.csv").write_text(
        'id,who,depth,kernel,score,"a,b"\n7,me,3,a,0.5,1\n8,you,4,b,0.25,2\n9,me,5,b,,3\n'
    )
    drive(
        """
        wait "one"
        press F
        wait "one-2 would have 13 of 14 trials, 1 left out:"
        expect "1  not ended yet"
        press tab
        type "value<>"
        wait "^"
        expect-not "x0a"
        press ctrl+u
        type state:complete
        wait "1  filtered out"
        press down down ctrl+u
        type b|z
        wait "4  kernel: choice a is gone"
        press up up up ctrl+u
        type one
        wait "one.db already exists."
        press enter
        expect "Fork one"
        type -b
        wait "one-b would have 4 of 14 trials"
        press enter
        wait "one-b has 4 of 14 trials, 10 left out."
        wait-not "Fork one"
        wait "2 studies"
        press J
        wait "space marks the studies"
        press space
        wait "4  a trial that is there already"
        expect "4  kernel: choice a is not in one-b"
        expect "[x] one   14 trials"
        press enter
        wait "one-b-merged has 5 of 18 trials"
        press i
        wait "Import trials"
        wait "Enter a file path"
        type more.csv
        press tab ctrl+u
        type table
        wait "table would get 3 of 3 trials."
        wait "x: choice 0.5, 0.25, half, from the file"
        press tab ctrl+u
        type later
        wait "as: 'later' is not one of finished, waiting."
        press ctrl+u
        type waiting
        wait "table would get 3 of 3 trials."
        press enter
        wait "table got 3 of 3 trials."
        press F escape
        wait-not "Fork"
        press i
        wait "Enter a file path"
        type more.csv
        press tab tab ctrl+u
        type waiting
        wait "table would get 0 of 3 trials, 3 left out:"
        expect "3  there already"
        press enter
        expect "Import trials"
        press up up ctrl+u
        type foreign.csv
        press tab ctrl+u
        type mapped
        wait "mapped would get 3 of 3 trials."
        press tab ctrl+u
        type finished
        wait "foreign.csv has no column of values; it has id, who, depth, kernel, score"
        press tab
        type score
        press tab
        type "id=skip, who=attr:author, \"a,b=param:ab\""
        press tab
        type depth=1..9
        wait "mapped would get 3 of 3 trials."
        press tab
        type "kernel=a|b|\"c,d\""
        press tab tab
        type done
        wait "state: 'done' is not one of complete, pruned, failed"
        press ctrl+u
        type "complete, pruned"
        wait "mapped would get 2 of 3 trials, 1 left out:"
        expect "1  in the state fail"
        expect "depth: int 1..9, as given"
        press enter
        wait "mapped got 2 of 3 trials, 1 left out."
        press i
        wait "Enter a file path"
        type wide.csv
        press tab ctrl+u
        type wide
        wait "wide would get 9 of 9 trials."
        expect "more lines"
        expect "enter import   tab next field"
        press enter
        wait "wide got 9 of 9 trials."
        wait "6 studies"
        press F
        wait "wide-2 would have 9 of 9 trials."
        press down down down ctrl+u
        type 1..8
        press down ctrl+u
        type 0..7
        press down ctrl+u
        type 2..8
        press down ctrl+u
        type 0..6
        wait "wide-2 would have 5 of 9 trials, 4 left out:"
        expect "enter fork   tab next field"
        press escape
        wait-not "Fork wide"
        """,
        size="80x24",
    )
    forked = trials(folder, "one-b")
    assert {trial.params["kernel"] for trial in forked} == {"b"}
    assert forked[0].distributions["kernel"].choices == ("b", "z")  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    assert len(trials(folder, "one-b-merged")) == 5
    waiting = trials(folder, "table")
    assert [trial.state.name for trial in waiting] == ["WAITING"] * 3
    mapped = trials(folder, "mapped")
    assert [trial.params for trial in mapped] == [
        {"depth": 3, "kernel": "a", "ab": 1},
        {"depth": 4, "kernel": "b", "ab": 2},
    ]
    assert [trial.user_attrs for trial in mapped] == [{"author": "me"}, {"author": "you"}]
    assert mapped[0].distributions["depth"] == optuna.distributions.IntDistribution(1, 9)
    choices = optuna.distributions.CategoricalDistribution(("a", "b", "c,d"))
    assert mapped[0].distributions["kernel"] == choices
    assert len(trials(folder, "one")) == 14


class SlowForm(TransferForm):
    """Looks until it is let go on, and tells how many look at once."""

    def __init__(self) -> None:
        self.looked: list[str] = []
        self.at_once: list[int] = []
        self.may_go_on = threading.Event()
        self._n_looking = 0

    def read(self, on_progress: Progress) -> FormContent:
        return FormContent((FormField("name", "name", ""),))

    def look(self, texts: Texts, marked: frozenset[str]) -> LookAhead:
        self._n_looking += 1
        self.looked.append(texts["name"])
        self.at_once.append(self._n_looking)
        assert self.may_go_on.wait(DEADLINE_S)
        self._n_looking -= 1
        return LookAhead((f"looked at {texts['name']}",))

    def transfer(self, texts: Texts, marked: frozenset[str], on_progress: Progress) -> Outcome:
        raise NotImplementedError


def test_a_large_file_is_looked_at_once_at_a_time() -> None:
    form = SlowForm()
    n_asked = 0

    class ADialog(TransferDialog):
        CSS_PATH = None  # pyright: ignore[reportAssignmentType] - styles are beside the module

        def _look_now(self) -> None:
            nonlocal n_asked
            super()._look_now()
            n_asked += 1
            self.query_one("#title", Static).update(f"asked {n_asked}")
            if n_asked == 3:
                form.may_go_on.set()

    class Home(AScreen):
        def do_new_study(self) -> None:
            self.app.push_screen(ADialog(form))

    drive(
        """
        press n
        wait "asked 1"
        wait "Reading…"
        type a
        wait "asked 2"
        type b
        wait "looked at ab"
        """,
        home=Home,
    )
    assert (form.looked, form.at_once) == (["", "ab"], [1, 1])


def test_a_fork_of_what_the_table_shows(folder: Path) -> None:
    drive(
        """
        wait "13"
        press /
        type "kernel=a"
        press enter
        wait "4 of 14"
        press F
        wait "one-2 would have 4 of 14 trials"
        expect "kernel=a"
        press enter
        wait "one-2 has 4 of 14 trials, 10 left out."
        """,
        folder / "one.db",
    )
    assert [trial.value for trial in trials(folder, "one-2")] == [0, 3, 6, 9]


def test_what_cannot_be_merged_or_forked_says_why(folder: Path) -> None:
    with StudyFile(folder / "most.db") as built:
        built.add_study("most", ("MAXIMIZE",))
    drive(
        """
        wait "most"
        press J
        wait "No other study here has the objectives and directions of"
        """
    )
    assert study_names(folder / "most.db") == ["most"]


@pytest.mark.parametrize(
    ("spec", "text", "edit"),
    [
        (FloatParam(1e-5, 0.1, log=True), "", ParamEdit()),
        (FloatParam(1e-5, 0.1, log=True), "1e-05..0.1:log", ParamEdit()),
        (FloatParam(1e-5, 0.1, log=True), "1e-5 .. 0.1 :log", ParamEdit()),
        (FloatParam(1e-5, 0.1, log=True), "1e-4..:log", ParamEdit(low=1e-4)),
        (FloatParam(1e-5, 0.1, log=True), "1e-5..0.1", ParamEdit(log=False)),
        (IntParam(16, 512, step=16), "16..256:step=16", ParamEdit(high=256)),
        (IntParam(16, 512, step=16), "16..512", ParamEdit(step=None)),
        (IntParam(1, 64), "1..64:log", ParamEdit(log=True)),
        (ChoiceParam(("a", "b", 1)), "1|a", ParamEdit(choices=(1, "a"))),
        (ChoiceParam(("a", "b")), "a|b", ParamEdit()),
        (ChoiceParam(("a|b", "b")), '"a|b"', ParamEdit(choices=("a|b",))),
    ],
)
def test_a_space_is_edited_as_a_whole(spec: ParamSpec, text: str, edit: ParamEdit) -> None:
    assert edit_of("p", spec, text) == edit
    assert edit_of("p", spec, spell_space(spec)) == ParamEdit()


@pytest.mark.parametrize("text", ["5", "b|c", "2..1", "1..2:odd", "-1..1:log"])
def test_what_is_no_space_is_refused(text: str) -> None:
    with pytest.raises(SpaceError):
        edit_of("p", FloatParam(0.5, 1.0), text)

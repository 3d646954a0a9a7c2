"""`hptui report`: one page that says what is in the study, loads nothing and obeys no name."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from tests.storage.study_file import CHOICE, FLOAT, START_S, StudyFile, text_of

from hptui.cli.main import main
from hptui.figures.canvas.roles import ROLES

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("clones_programs")

EVIL = '</title><script src="https://evil.example/x.js"></script><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    runs = [{"sampler": "tpe:n_startup_trials=5", "pruner": "median", "slots": 2}]
    with StudyFile(folder / "one.db") as file:
        file.add_study(
            EVIL, hptui_runs=runs, hptui_edits={"rate": {"high": 0.9}}, hptui_tags=["good", EVIL]
        )
        file.run(
            "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES "
            "(1, 'dashboard:note_ver', '1'), (1, 'dashboard:note_str:0', ?)",
            '"# Why\\n<b>because</b>"',
        )
        for at in range(24):
            params = {"rate": (((7 * at) % 24) / 24, FLOAT), "kind": (at % 2, CHOICE)}
            file.add_trial(10.0 - ((7 * at) % 24), params=params)
        error = {"kind": "exception", "type": "ValueError", "message": f"bad {EVIL}"}
        for _ in range(2):
            file.add_trial(state="FAIL", attributes={"hptui:error": error})
        file.add_trial(state="PRUNED", reports={0: 3.5})
    with StudyFile(folder / "two.db") as file:
        file.add_study("two", ("MINIMIZE", "MAXIMIZE"))
        for at in range(12):
            file.add_trial((float(at), at / 2), params={"x": (at / 12, FLOAT)})
        file.add_trial((0.5, 9.0), params={"x": (0.5, FLOAT)})
    with StudyFile(folder / "empty.db") as file:
        file.add_study("empty")
    return folder


class Page(HTMLParser):
    """What stands in a page: texts by the tag that they are in, and tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "rect", "path"):
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("meta", "rect", "path"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open:
            return
        self.texts.setdefault(self.open[-1], []).append(data)
        if self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data


def page_of(folder: Path, name: str, *arguments: str) -> tuple[Page, str]:
    target = folder / f"{name}-{len(arguments)}.html"
    assert main(["report", str(folder / f"{name}.db"), "-o", str(target), *arguments]) == 0
    text = target.read_text("utf-8")
    page = Page(text)
    assert page.open == []
    return page, text


def test_the_page_says_what_is_in_the_study(folder: Path, capsys: pytest.CaptureFixture[str]):
    page, text = page_of(folder, "one")
    assert capsys.readouterr().out.strip() == str(folder / "one-0.html")
    facts = dict(page.tables[0])
    assert facts["trials"] == "27: 24 complete, 1 pruned, 2 failed"
    assert facts["goal"] == "minimize value"
    assert facts["best"].startswith("-13.0, #")
    assert facts["state"] == "not running"
    assert facts["last run"].startswith("tpe:n_startup_trials=5, pruner median, 2 workers")
    titles = page.texts["h2"]
    assert titles == [
        "Note",
        "Best trial",
        "Is it worth going on?",
        "History",
        "Which parameters matter",
        "The value by parameter",
        "Timeline",
        "Failures",
        "Search space",
    ]
    assert page.texts["pre"] == ["# Why\n<b>because</b>"]
    _facts, best, failures, space = page.tables
    best_number = int(facts["best"].partition("#")[2])
    assert best[1] == ["rate", f"{((7 * best_number) % 24) / 24:.4g}"]
    assert failures[1][0] == "2"
    assert failures[1][2] == "trials 24 to 25"
    assert ["rate", "float", "0.0..1.0", "high 0.9"] in space
    assert text.count("<svg") == 4
    assert "prefers-color-scheme:dark" in text
    for role in ROLES:
        assert text.count(f"--{role}:#") == 2


def test_the_page_loads_nothing_and_obeys_no_name(folder: Path):
    page, text = page_of(folder, "one", "--overwrite")
    assert not {"script", "img", "link", "iframe", "a", "object", "b"} & {
        tag for tag, _ in page.tags
    }
    for _, attributes in page.tags:
        assert not {"src", "href", "onerror", "onload"} & set(attributes)
    assert "url(" not in text
    assert "@import" not in text
    assert page.texts["h1"] == [EVIL]
    for tag, attributes in page.tags:
        if tag == "svg":
            assert attributes["role"] == "img"
    n_columns = sum(len(table[0]) for table in page.tables[1:])
    assert [each.get("scope") for tag, each in page.tags if tag == "th"].count("col") == n_columns


def test_several_objectives_and_a_filter(folder: Path):
    page, text = page_of(folder, "two", "--filter", "number>1")
    facts = dict(page.tables[0])
    assert facts["trials"] == "11: 11 complete, 0 pruned, 0 failed"
    assert facts["only those"] == "number>1"
    assert facts["best"] == "1 trial on the Pareto front"
    assert "Pareto front" in page.texts["h2"]
    assert ["#12", "0.5", "9", "0.5"] in page.tables[1]
    assert "hypervolume" in text
    assert page.texts["p"][1].startswith("The front: Too early to say")
    assert page.texts["p"][2].startswith("value 0: Too early to say")


def test_a_study_without_trials_has_a_report_too(folder: Path):
    page, text = page_of(folder, "empty")
    assert "No feasible trial is complete yet." in page.texts["p"]
    assert "No trial has a parameter yet." in page.texts["p"]
    assert "<svg" not in text


def test_text_is_printed_or_written(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["report", str(folder / "one.db"), "--text"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "  trials       27: 24 complete, 1 pruned, 2 failed" in out
    assert "<b>because</b>" in out
    assert "importance for value, PED-ANOVA" in out
    target = folder / "one.md"
    assert main(["report", str(folder / "one.db"), "--text", "-o", str(target)]) == 0
    written = target.read_text("utf-8")
    assert "★ -13 #" in written
    assert "Search space" in written


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("one.db", "-o", "mine.html"), "mine.html already exists.\n  --overwrite replaces it"),
        (("one.db", "--text", "-o", "two.db", "--overwrite"), "databases are never replaced"),
        (("one.db", "--text", "--overwrite"), "--overwrite needs --output"),
        (("one.db", "-o", "none/x.html"), "the folder does not exist"),
        (("one.db", "-o", "x.pdf"), "must end in .html"),
        (("one.db", "--filter", "lr<"), "lr<"),
        (("none.db",), "There is no study file"),
    ],
)
def test_what_is_refused(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    sentence: str,
):
    monkeypatch.chdir(folder)
    (folder / "mine.html").write_text("mine")
    before = sorted(folder.iterdir())
    assert main(["report", *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before
    assert (folder / "mine.html").read_text() == "mine"


def test_times_are_those_of_the_trials(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with StudyFile(tmp_path / "t.db") as file:
        file.add_study("t")
        file.add_trial(1.0, start=text_of(START_S), complete=text_of(START_S + 60))
        file.add_trial(1.0, start=text_of(START_S + 30), complete=text_of(START_S + 90))
        file.add_trial(1.0, start=text_of(START_S + 9_000), complete=text_of(START_S + 9_030))
    assert main(["report", str(tmp_path / "t.db"), "--text"]) == 0
    out = capsys.readouterr().out
    assert "  time         2 m of wall-clock time while trials ran" in out
    assert "  all trials   2 m 30 s" in out

"""What a STUDY argument means, and which names are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.storage.study_file import StudyFile

from hptui.cli.commands.application import can_open, open_place
from hptui.cli.main import main
from hptui.cli.options.locate import (
    address_of,
    locate_file,
    locate_study,
    spelling_of,
    storage_file,
    studies_folder,
)
from hptui.domain.study_name import check_study_name
from hptui.domain.study_ref import StudyRef
from hptui.errors import HptuiError, StudyFileError, UsageError

Make = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a studies folder."""
    monkeypatch.delenv("HPTUI_STUDIES", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    return tmp_path


@pytest.fixture
def make(folder: Path) -> Make:
    def build(path: str, *names: str) -> Path:
        with StudyFile(folder / path) as built:
            for name in names:
                built.add_study(name)
        return folder / path

    return build


def test_the_option_wins_over_the_variable_and_that_over_the_folder_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    assert studies_folder(None) == folder / "studies"
    monkeypatch.setenv("HPTUI_STUDIES", str(folder / "other"))
    assert studies_folder(None) == folder / "other"
    assert studies_folder(Path("given")) == folder / "given"


def test_without_any_it_is_in_the_users_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("HPTUI_STUDIES", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    found = studies_folder(None)
    assert tmp_path in found.parents
    assert found.parts[-2:] == ("hptui", "studies")


def test_a_name_is_a_file_in_the_studies_folder(make: Make):
    path = make("studies/mine.db", "mine")
    assert locate_study("mine") == StudyRef(path, "mine")


def test_the_only_study_of_a_file_may_have_any_name(make: Make):
    path = make("studies/mine.db", "other")
    assert locate_study("mine") == StudyRef(path, "other")


def test_of_several_studies_the_one_named_like_the_file_is_meant(make: Make):
    path = make("studies/mine.db", "other", "mine")
    assert locate_study("mine") == StudyRef(path, "mine")


def test_a_name_and_a_colon_say_which_of_several_studies_is_meant(make: Make):
    path = make("studies/mine.db", "one", "two")
    assert locate_study("mine:two") == StudyRef(path, "two")
    with pytest.raises(UsageError, match="holds no study 'three'"):
        locate_study("mine:three")


@pytest.mark.parametrize("scheme", ["sqlite", "SQLite+pysqlite"])
def test_optunas_address_of_a_file_is_its_path(make: Make, folder: Path, scheme: str):
    path, other = make("x.sqlite3", "one", "two"), make("studies/y.db", "y")
    for text in (f"{scheme}:///x.sqlite3:two", f"{scheme}:///{path}:two"):
        assert locate_study(text) == StudyRef(path, "two")
    assert locate_study(f"{scheme}:///y.db") == StudyRef(other, "y")
    assert locate_file(f"{scheme}:///{other}") == other
    assert storage_file(f"{scheme}:///new.db") == folder / "new.db"
    assert open_place(f"{scheme}:///{other}").file == other
    assert can_open(f"{scheme}:///{other}")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sqlite://", "has no path"),
        ("sqlite://me:hunter2@/x.db", "sqlite://me:***@/x.db has no path"),
        ("sqlite:///", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:///x.db?mode=ro", "options after the ?"),
        ("ftp://me:hunter2@host/db", "//me:***@host/db is an address"),
    ],
)
@pytest.mark.parametrize("read", [locate_study, locate_file, storage_file, open_place])
def test_other_addresses_are_refused(read: Callable[[str], object], text: str, sentence: str):
    with pytest.raises(UsageError) as refused:
        read(text)
    assert sentence in refused.value.message
    assert "hunter2" not in f"{refused.value.message} {refused.value.hint}"


@pytest.mark.parametrize("text", ["postgresql+psycopg2://me:hunter2@host/db", "redis://:hunter2@h"])
def test_trials_are_stored_on_no_server(text: str) -> None:
    with pytest.raises(UsageError, match="is an address, but studies are in files here") as refused:
        storage_file(text)
    assert "hunter2" not in f"{refused.value.message} {refused.value.hint}"


@pytest.mark.parametrize("place", ["studies/mine.db", "elsewhere.db"])
@pytest.mark.parametrize("name", ["mine", "elsewhere", "a b"])
def test_an_address_leads_back_to_its_study(place: str, name: str, make: Make):
    path = make(place, "one", name)
    assert locate_study(address_of(path, name)) == StudyRef(path, name)


def test_several_studies_without_that_name_must_be_told_apart(make: Make):
    make("studies/mine.db", "one", "two")
    with pytest.raises(UsageError, match="holds 2 studies: one, two") as caught:
        locate_study("mine")
    assert caught.value.hint == "Choose one, like mine.db:one."


@pytest.mark.parametrize("spelling", ["./x.db:two", "sub/../x.db:two", "x.db:two"])
def test_a_colon_says_which_study_of_a_file(make: Make, folder: Path, spelling: str):
    (folder / "sub").mkdir()
    make("x.db", "one", "two", "a:b")
    assert locate_study(spelling).study_name == "two"
    assert locate_study("x.db:a:b").study_name == "a:b"


def test_a_file_name_may_hold_a_colon(make: Make, folder: Path):
    (folder / "a:b").mkdir()
    path = make("a:b/x.db", "one")
    assert locate_study("a:b/x.db") == StudyRef(path, "one")
    assert locate_study("a:b/x.db:one") == StudyRef(path, "one")


def test_a_study_file_may_have_any_ending(make: Make, folder: Path):
    path = make("plain.sqlite3", "one", "two")
    assert locate_study(f"{path}:two") == StudyRef(path, "two")
    with pytest.raises(UsageError, match="There is no study file"):
        locate_study(f"{folder}/studies:two")


def test_a_file_name_is_looked_up_here_and_then_in_the_studies_folder(make: Make):
    there = make("studies/x.db", "x")
    assert locate_study("x.db").path == there
    here = make("x.db", "x")
    assert locate_study("x.db").path == here


def test_what_ls_prints_is_understood(make: Make):
    for path, name in ((make("studies/a.db", "a"), "a"), (make("studies/b.db", "c", "d"), "d")):
        assert locate_study(spelling_of(path, name)) == StudyRef(path, name)


def test_an_unknown_name_is_refused_with_a_guess(make: Make):
    make("studies/digits-mlp.db", "digits-mlp")
    with pytest.raises(UsageError, match="no study 'digits-mpl'") as caught:
        locate_study("digits-mpl")
    assert "Did you mean digits-mlp?" in caught.value.hint


def test_an_unknown_study_of_a_file_is_refused_with_a_guess(make: Make):
    make("x.db", "alpha", "beta")
    with pytest.raises(UsageError, match="holds no study 'alpah'") as caught:
        locate_study("x.db:alpah")
    assert caught.value.hint == "It holds: alpha."


def test_a_file_without_studies_is_told(make: Make):
    make("x.db")
    with pytest.raises(UsageError, match="holds no study"):
        locate_study("x.db")


@pytest.mark.parametrize(
    "text",
    ["../x.db", "/nowhere/x.db", "x.db:y", "a/b", "\0.db", "x" * 5000 + ".db", "x.db\n"],
)
def test_files_that_are_not_there_are_refused(folder: Path, text: str):
    with pytest.raises(HptuiError) as caught:
        locate_study(text)
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message


def test_a_file_that_is_no_study_file_is_refused(folder: Path):
    (folder / "x.db").write_text("hello")
    with pytest.raises(StudyFileError, match="not an SQLite file"):
        locate_study("x.db")
    (folder / "y.db").mkdir()
    with pytest.raises(StudyFileError, match="folder"):
        locate_study("y.db")


@pytest.mark.parametrize(
    "name", ["a", "digits-mlp", "Versuch 3", "a.b", "_x", "x_1", "日本", "n" * 100]
)
def test_good_names_pass(name: str):
    check_study_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".hidden",
        "-dash",
        "a/b",
        "..",
        "a\\b",
        "a\nb",
        "a\x00b",
        "a:b",
        "a ",
        "x" * 101,
        "$(id)",
        "a'b",
        "\x1b[31m",
        "a*",
    ],
)
def test_names_that_cannot_be_file_names_are_refused(name: str):
    with pytest.raises(UsageError, match="cannot be a study's name") as caught:
        check_study_name(name)
    assert "\x1b" not in caught.value.message


def test_a_file_is_located_without_being_read(folder: Path):
    (folder / "studies" / "old.db").write_text("anything")
    assert locate_file("old") == folder / "studies" / "old.db"
    with pytest.raises(UsageError, match="takes a whole file"):
        locate_file("studies/old.db:study")


def test_a_study_that_is_called_like_a_file_is_found(make: Make, folder: Path):
    path = make("studies/a.db.db", "a.db")
    found = StudyRef(path, "a.db")
    assert locate_study("a.db") == found
    assert locate_study(spelling_of(path, "a.db")) == found
    other = make("studies/a.db", "a")
    assert locate_study("a.db") == StudyRef(other, "a")
    assert locate_study(spelling_of(path, "a.db")) == found
    assert locate_study(spelling_of(other, "a")) == StudyRef(other, "a")


def test_a_file_with_another_ending_is_spelled_so_that_it_is_found(make: Make):
    path = make("studies/x.sqlite3", "x", "y")
    make("studies/x.db", "x")
    for name in ("x", "y"):
        assert locate_study(address_of(path, name)) == StudyRef(path, name)


def test_ls_lists_another_folder_or_one_file(
    make: Make, folder: Path, capsys: pytest.CaptureFixture[str]
):
    (folder / "there").mkdir()
    file = make("there/two.db", "a", "b")
    make("there/one.db", "one")
    for place, names in [("there", {"a", "b", "one"}), (str(file), {"a", "b"})]:
        assert main(["ls", place, "--json"]) == 0
        assert {each["name"] for each in json.loads(capsys.readouterr().out)} == names
    for place in ("nowhere", "a\0b", "x" * 5000):
        assert main(["ls", place]) == 2
        assert "There is no folder, study file or journal" in capsys.readouterr().err

"""One odd file: the others of its folder are listed, and nobody takes it for what it is not."""

from __future__ import annotations

import json
import sqlite3
import struct
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from tests.storage.study_file import FLOAT, StudyFile
from tests.storage.test_table_text import rebuild
from tests.time_limit import time_limit

from hptui.cli import main

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

LIMIT_S = 60.0
READING = (
    ("ls",),
    ("show", "odd"),
    ("show", "odd", "0"),
    ("trials", "odd"),
    ("trials", "odd", "--json"),
    ("best", "odd"),
    ("failures", "odd"),
    ("plot", "odd", "timeline"),
    ("report", "odd", "--text"),
    ("doctor", "odd"),
)
Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the study `odd`, beside which there is the study `sound`."""
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    for name in ("odd", "sound"):
        with StudyFile(tmp_path / f"{name}.db") as built:
            built.add_study(name)
            for value in (0.5, 0.25, 0.75):
                built.add_trial(value, params={"x": (value, FLOAT)})
    return tmp_path / "odd.db"


@pytest.fixture(params=["Pacific/Kiritimati", "Pacific/Midway"])
def zone(request: pytest.FixtureRequest) -> Generator[None]:
    """The first and the last time zone of the world."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def read_all(capsys: Output) -> dict[tuple[str, ...], tuple[int, str]]:
    """The exit code and the output of each reading command, none of which may be a defect."""
    answers: dict[tuple[str, ...], tuple[int, str]] = {}
    for words in READING:
        capsys.readouterr()
        with time_limit(LIMIT_S):
            code = main([*words])
        said = capsys.readouterr()
        assert code in (0, 1, 2), (words, said)
        assert "internal error" not in said.err, (words, said.err)
        answers[words] = code, said.out + said.err
    assert "sound" in answers[("ls",)][1]
    return answers


def examined(capsys: Output) -> dict[str, Any]:
    assert main(["doctor", "odd", "--json"]) in (0, 1)
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    "text", ["9999-12-31 23:59:59.999999", "0001-01-01 00:00:00.000000", "9999-06-01 00:00:00"]
)
@pytest.mark.parametrize("column", ["datetime_start", "datetime_complete"])
def test_a_time_that_no_calendar_has_is_said_to_be_that(
    column: str, text: str, odd: Path, capsys: Output
):
    execute(odd, f"UPDATE trials SET {column} = '{text}' WHERE trial_id = 1")
    answers = read_all(capsys)
    assert {code for code, _ in answers.values()} == {0}
    assert f"{text}', out of range" in answers[("show", "odd", "0")][1]
    for line in answers[("trials", "odd", "--json")][1].splitlines():
        json.loads(line)


def test_a_schema_that_is_no_text_is_damage(odd: Path, capsys: Output):
    whole = odd.read_bytes()
    for known, unknown in (
        (b"CREATE TABLE trials", b"CREATE TABLE tri\xff\xfes"),
        (b"\ttrial_id INTEGER", b"\ttrial_\xff\xfe INTEGER"),
        (b"tabletrialstrials", b"tabletrial\xfftrial\xfe"),
        (b"ix_trials_study_id", b"ix_trials_\xff\xfe\xfd\xfc\xfb_id"),
    ):
        assert whole.count(known), known
        odd.write_bytes(whole.replace(known, unknown, 1))
        answers = read_all(capsys)
        assert {code for words, (code, _) in answers.items() if words != ("ls",)} == {2}, known
        assert "cannot be read" in answers[("ls",)][1], known


def change_last_entry(path: Path, number: int) -> None:
    """Have the index of a study's trials name a trial once more in the place of the last one."""
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_trials_study_id'"
        ).fetchone()
    content = bytearray(path.read_bytes())
    start = 4096 * (page - 1)
    # Behind the header of a leaf stand the places of its cells, and a cell ends with the row's id.
    (n_cells,) = struct.unpack_from(">H", content, start + 3)
    (cell,) = struct.unpack_from(">H", content, start + 8 + 2 * (n_cells - 1))
    assert content[start + cell + content[start + cell]] == n_cells
    content[start + cell + content[start + cell]] = number
    path.write_bytes(content)


@pytest.mark.parametrize("number", [1, 2, 77])
def test_an_index_that_is_not_its_tables_ends_the_reading_and_is_found(
    number: int, odd: Path, capsys: Output
):
    change_last_entry(odd, number)
    with closing(sqlite3.connect(odd)) as connection:
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    answers = read_all(capsys)
    code, text = answers[("trials", "odd")]
    assert code == 2
    assert "an index of its trials is not in order" in text or "malformed" in text
    code, text = answers[("doctor", "odd")]
    assert code == 2
    assert "ix_trials_study_id" in text
    before = odd.read_bytes()
    assert main(["tag", "odd", "--add", "good"]) == 2
    assert "ix_trials_study_id" in capsys.readouterr().err
    assert odd.read_bytes() == before


def test_tables_of_another_kind_are_read_and_found(odd: Path, capsys: Output):
    rebuild(odd, "trials", ", \n\tPRIMARY", ", UNIQUE (number) ON CONFLICT REPLACE, \n\tPRIMARY")
    answers = read_all(capsys)
    assert {code for words, (code, _) in answers.items() if words != ("doctor", "odd")} == {0}
    assert [each["id"] for each in examined(capsys)["findings"]] == ["tables"]
    before = odd.read_bytes()
    for words in (
        ("run", "branin", "--storage", str(odd), "--study", "odd", "--trials", "2"),
        ("tag", "odd", "--add", "good"),
        ("duplicate", "odd", "copy"),
        ("rename", "odd", "other"),
    ):
        assert main([*words]) == 2, words
        assert "not as Optuna creates them" in capsys.readouterr().err, words
    assert odd.read_bytes() == before


def test_a_report_that_is_no_number_is_exported_as_missing(
    odd: Path, tmp_path: Path, capsys: Output
):
    execute(
        odd,
        "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value,"
        " intermediate_value_type) VALUES (1, 0, x'00', 'FINITE'), (1, 1, 0.5, 'FINITE')",
    )
    target = tmp_path / "out.csv"
    assert main(["export", "odd", str(target)]) == 0, capsys.readouterr().err
    assert "0.5" in target.read_text()


def test_an_index_without_all_trials_ends_the_reading_and_is_found(odd: Path, capsys: Output):
    with closing(sqlite3.connect(odd)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_trials_study_id'"
        ).fetchone()
    content = bytearray(odd.read_bytes())
    start = 4096 * (page - 1)
    (n_cells,) = struct.unpack_from(">H", content, start + 3)
    (cell,) = struct.unpack_from(">H", content, start + 8 + 2 * (n_cells - 1))
    struct.pack_into(">H", content, start + 3, n_cells - 1)
    # The bytes of a cell are counted as free; the first is its length without itself.
    content[start + 7] = 1 + content[start + cell]
    odd.write_bytes(content)
    with closing(sqlite3.connect(odd)) as connection:
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    answers = read_all(capsys)
    code, text = answers[("trials", "odd")]
    assert (code, f"an index names {n_cells - 1} of {n_cells} trials" in text) == (2, True)
    code, text = answers[("doctor", "odd")]
    assert (code, "damaged" in text) == (2, True)

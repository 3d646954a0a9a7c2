"""Mirrors of journals and of any storage: what they hold, how they follow, what they refuse."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
import random
import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState
from tests.storage.mirroring import (
    address_of,
    arrays_of,
    assert_same_arrays,
    copied,
    journal,
    studies_in,
    tables_of,
)
from tests.storage.random_studies import ATTRIBUTES, add_trials, run_trial, write_study

from hptui.engine.studies.trash import delete_study
from hptui.errors import HptuiError, StudyFileError
from hptui.storage.files.validation import require_writable
from hptui.storage.mirror import journal as journal_file
from hptui.storage.mirror import journal_replay
from hptui.storage.mirror.address import parse_address
from hptui.storage.mirror.any_storage import AnyStorage
from hptui.storage.mirror.following import MirrorWriter, refresh, writing
from hptui.storage.mirror.journal import JournalFile
from hptui.storage.mirror.mirror_file import MirrorFile
from hptui.storage.mirror.mirrors import mirror_path, mirror_state, mirrors_folder
from hptui.storage.mirror.server import url_of
from hptui.storage.mirror.source import Checkpoint, RowBatch
from hptui.storage.read.studies import study_names
from hptui.storage.read.trial_detail import read_trial

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hptui.domain.objective import Direction
    from hptui.storage.mirror.source import Change


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


ADDRESSES = [
    ("postgresql://lab/db", "postgresql", "postgresql://lab/db", None),
    ("postgresql://me:a@lab/db#s", "postgresql", "postgresql://me@lab/db", "s"),
    ("postgresql://me:a#b/c?d@lab/db#x#y", "postgresql", "postgresql://me@lab/db", "x#y"),
    ("postgresql+psycopg://me:p@lab:1/db", "postgresql", "postgresql://me@lab:1/db", None),
    ("postgres://lab/db?password=a&sslmode=x", "postgresql", "postgres://lab/db?sslmode=x", None),
    ("postgresql://lab/db?password=a", "postgresql", "postgresql://lab/db", None),
    ("MySQL://root@h/db#a@b", "mysql", "mysql://root@h/db", "a@b"),
    ("mariadb://h/db#", "mysql", "mariadb://h/db", None),
    ("redis://:p@h:1/0?prefix=t#s", "redis", "redis://h:1/0?prefix=t", "s"),
    ("grpc://h:13000", "grpc", "grpc://h:13000", None),
]
NO_ADDRESSES = [
    "",
    "a",
    "a#b",
    "a.db",
    "sqlite:///a.db",
    "./a/b",
    "https://h/a",
    "x\0",
    "nosuch.log",
]


@pytest.mark.parametrize("is_any", [False, True])
def test_what_a_study_says_of_trials_by_their_ids_is_about_the_same_ones(
    tmp_path: Path, is_any: bool
) -> None:
    path = tmp_path / "journal.log"
    storage = journal(path)
    study = optuna.create_study(study_name="a", storage=storage)
    ids = [study.ask()._trial_id for _ in range(3)]
    for key, value in (
        (f"dashboard:{ids[1]}:note_ver", 1),
        (f"dashboard:{ids[1]}:note_str:0", "of trial 1"),
        ("dashboard:note_ver", 2),
        ("NSGAIISampler:parent:0", ids[:2]),
    ):
        storage.set_study_system_attr(study._study_id, key, value)
    file = tmp_path / "mirrors" / "a.db"
    file.parent.mkdir()
    source = AnyStorage(lambda: journal(path), "journal", "a") if is_any else JournalFile(path)
    source.open()
    mirror = MirrorFile(file)
    mirror.take(source.changes(None, mirror))
    mirror.close()
    assert [read_trial(file, "a", each).note.body for each in range(3)] == ["", "of trial 1", ""]
    with closing(sqlite3.connect(file)) as connection:
        (parents,) = connection.execute(
            "SELECT value_json FROM study_system_attributes WHERE key LIKE '%parent%'"
        ).fetchone()
        first = connection.execute("SELECT trial_id FROM trials ORDER BY number LIMIT 2").fetchall()
    assert [(each,) for each in json.loads(parents)] == first


def test_a_password_goes_to_programs_and_comes_from_the_files_of_mysql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {
        text: address_of(text).environment()
        for text in (
            "postgresql://me:open%20sesame@lab/db",
            "mysql+pymysql://me:a:b@lab/db?x=1#s",
            "postgresql://me@lab/db",
            "redis://:sesame@lab/0",
        )
    }
    assert list(found.values()) == [
        {"PGPASSWORD": "open sesame"},
        {"MYSQL_PWD": "a:b"},
        {},
        {},
    ]
    pytest.importorskip("pymysql")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MYSQL_PWD", raising=False)
    options = tmp_path / ".my.cnf"
    for content, password in (
        ("", None),
        ("[client]\nuser=me\npassword = 'se#same'\nskip-ssl\n[mysqld]\nx\n", "se#same"),
        ("no section\n\x00", None),
        ("[mysqld]\npassword=no\n", None),
    ):
        options.write_text(content)
        assert url_of(address_of("mysql://me@lab/db")).password == password, content
    assert url_of(address_of("mysql://me:own@lab/db")).password == "own"


def test_an_address_is_a_place_and_a_study_and_never_shows_its_password() -> None:
    for text, kind, shown, study in ADDRESSES:
        address = address_of(text)
        assert (address.kind, address.shown, address.study) == (kind, shown, study), text
    assert [text for text in NO_ADDRESSES if parse_address(text) is not None] == []
    one, other = (address_of(f"postgresql://me:{word}@lab/db") for word in ("open", "sesame"))
    assert mirror_path(one) == mirror_path(other)
    assert one.with_password("a/b@c").url == "postgresql://me:a%2Fb%40c@lab/db"
    assert "sesame" not in f"{other!r} {other} {other.shown}"
    # One study of a server is copied alone; a journal must be read to its end anyhow.
    assert mirror_path(other) != mirror_path(other.with_study("a"))


def test_a_journal_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "a#b.log"
    journal(path).create_new_study([StudyDirection.MINIMIZE], "s")
    assert address_of(path).study is None
    assert address_of(f"{path}#s#t").study == "s#t"
    (tmp_path / "other.txt").write_text('{"op": 1}\n')
    (tmp_path / "empty.log").touch()
    assert parse_address(str(tmp_path / "other.txt")) is None
    assert address_of(tmp_path / "empty.log").kind == "journal"
    assert refresh(address_of(tmp_path / "empty.log")).trouble == ""


def test_a_mirror_holds_what_the_journal_does_however_often_it_is_looked_at(tmp_path: Path) -> None:
    path, rng = tmp_path / "journal.log", random.Random(3)
    storage = journal(path)
    address, file = address_of(path), mirror_path(address_of(path))
    following: MirrorWriter | None = None
    for turn in range(6):
        study_id = write_study(storage, rng, f"study {turn}")
        if turn % 2:
            add_trials(storage, rng.randrange(study_id + 1), rng, 3)
        if turn % 3:
            # One process after the other, and one that goes on.
            refresh(address)
            following = None
        else:
            with writing(file):
                following = following or MirrorWriter(address, file)
                assert following.step()
                assert not following.step()
        assert studies_in(file) == studies_in(storage), turn
    # What Optuna passes over has no effect here either: late writes, and another kind of space.
    trials = storage.get_all_trials(0)
    study = optuna.load_study(study_name="study 0", storage=storage)
    running = study.ask()
    storage.set_trial_param(running._trial_id, "new", 0.5, FloatDistribution(0, 1))
    lines = [
        {"op_code": 8, "trial_id": trials[0]._trial_id, "user_attr": {"late": 1}},
        {"op_code": 7, "trial_id": 10**6, "step": 1, "intermediate_value": 0.1},
        {"op_code": 10, "anything": 1},
        {"op_code": 0, "study_name": "study 0", "directions": [1]},
        {"op_code": 4, "study_id": 10**6, "datetime_start": None},
        {
            "op_code": 5,
            "trial_id": study.ask()._trial_id,
            "param_name": "new",
            "param_value_internal": 0.5,
            "distribution": '{"name": "IntDistribution", "attributes": '
            '{"log": false, "step": 1, "low": 0, "high": 1}}',
        },
    ]
    with path.open("a") as stream:
        for line in lines:
            if line["op_code"] != 8 or trials[0].state.is_finished():
                stream.write(json.dumps({"worker_id": "other", **line}) + "\n")
    refresh(address)
    assert studies_in(file) == studies_in(storage)


def test_a_long_journal_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = journal(tmp_path / "journal.log")
    rng = random.Random(9)
    for name in "abc":
        write_study(storage, rng, name)
    for n_bytes, n_rows in ((70, 1), (700, 10), (7_000, 1_000)):
        monkeypatch.setattr(journal_file, "_CHUNK_BYTES", n_bytes)
        monkeypatch.setattr(journal_file, "_ROWS_A_CHECKPOINT", n_rows)
        mirror = MirrorFile(tmp_path / f"{n_bytes}.db")
        source = JournalFile(tmp_path / "journal.log")
        mirror.take(source.changes(None, mirror))
        assert list(mirror.notes) == []
        assert list(source.changes(mirror.cursor, mirror)) == []
        mirror.close()
        assert studies_in(tmp_path / f"{n_bytes}.db") == studies_in(storage)


def test_every_table_and_array_is_as_in_a_copy_by_optuna(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    storage = journal(path)
    named: dict[str, list[Direction]] = {"one": ["minimize"], "two": ["maximize", "minimize"]}
    for name, directions in named.items():
        fill(optuna.create_study(study_name=name, directions=directions, storage=storage))
    refresh(address_of(path))
    file, copy = mirror_path(address_of(path)), copied(storage, ["one", "two"], tmp_path / "c.db")
    mirrored, plain = tables_of(file), tables_of(copy)
    assert mirrored == plain
    assert {name for name, rows in plain.items() if not rows} == {"trial_heartbeats"}
    for name in ("one", "two"):
        assert_same_arrays(arrays_of(file, name), arrays_of(copy, name))


def fill(study: optuna.Study) -> None:
    """Give a study trials of each state, with all that a trial may have."""
    rng = random.Random(study.study_name)
    n_objectives = len(study.directions)
    study.set_user_attr("who", ["me"])
    study._storage.set_study_system_attr(study._study_id, "why", {"a": None})
    for state in (*TrialState, TrialState.COMPLETE):
        if state is TrialState.WAITING:
            study.enqueue_trial({"x": 0.5}, user_attrs={"a": 1})
            continue
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        trial.suggest_categorical("kind", ["a", None, True])
        trial.set_user_attr("u", rng.choice(ATTRIBUTES[:4]))
        if n_objectives == 1:
            trial.report(float("nan"), 0)
            trial.report(rng.random(), 7)
        if state is TrialState.COMPLETE:
            study.tell(trial, [rng.random()] * (n_objectives - 1) + [float("inf")])
        elif state is not TrialState.RUNNING:
            study.tell(trial, state=state)


def test_a_study_that_is_deleted_and_made_again_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    storage, address = journal(path), address_of(path)
    kept, gone = (storage.create_new_study([StudyDirection.MINIMIZE], name) for name in "ab")
    for study_id in (kept, gone, gone):
        run_trial(storage, storage.create_new_trial(study_id), random.Random(study_id), 1)
    storage.create_new_trial(gone)
    refresh(address)
    writer = MirrorWriter(address, mirror_path(address))
    writer.step()
    storage.delete_study(gone)
    again = storage.create_new_study([StudyDirection.MAXIMIZE], "b")
    storage.create_new_trial(again)
    # And one that nobody ever saw.
    storage.delete_study(storage.create_new_study([StudyDirection.MAXIMIZE], "c"))
    writer.step()
    assert studies_in(mirror_path(address)) == studies_in(storage)
    writer.close()
    storage.create_new_trial(kept)
    refresh(address)
    assert studies_in(mirror_path(address)) == studies_in(storage)


def test_another_journal_in_the_place_of_the_first_is_read_anew(tmp_path: Path) -> None:
    path, address = tmp_path / "journal.log", None
    for name, n_trials in (("a", 3), ("longer than the first", 6), ("b", 1)):
        path.unlink(missing_ok=True)
        storage = journal(path)
        study_id = storage.create_new_study([StudyDirection.MINIMIZE], name)
        for _ in range(n_trials):
            storage.create_new_trial(study_id)
        address = address_of(path)
        refresh(address)
        assert studies_in(mirror_path(address)) == studies_in(storage)


def test_damaged_entries_are_told_and_all_others_count(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    storage = journal(path)
    study_id = storage.create_new_study([StudyDirection.MINIMIZE], "a")
    trial_id = storage.create_new_trial(study_id)
    with path.open("ab") as stream:
        for line in (b"{", b"[]", b'"\xff"', b"[" * 100_000, b"{},{}", b'{"op_code": 77}'):
            stream.write(line + b"\n")
        stream.write(b'{"op_code": 4, "study_id": "x"}\n{"op_code": 0, "directions": [-1]}\n')
        last = json.dumps({"op_code": 8, "trial_id": trial_id, "user_attr": {"a": 1}})
        stream.write(f"{last}\n{last}"[:-3].encode())
    address = address_of(path)
    state = refresh(address)
    assert state.trouble == ""
    assert [note.partition(" ")[0] for note in state.notes] == ["8"]
    (found,) = studies_in(mirror_path(address))
    assert found[4][0]["_user_attrs"] == repr([("a", 1)])
    # The line that was being written is whole now.
    with path.open("a") as stream:
        stream.write(f"{last[-3:]}\n")
    assert refresh(address).notes == state.notes


def test_what_a_study_file_cannot_hold_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_replay, "MAX_TEXT_CHARS", 1_000)
    path = tmp_path / "journal.log"
    storage = journal(path)
    study_id = storage.create_new_study([StudyDirection.MINIMIZE], "a\ud800" + "b" * 600)
    trial_id = storage.create_new_trial(study_id)
    storage.set_trial_intermediate_value(trial_id, 2**70, 0.5)
    storage.set_trial_intermediate_value(trial_id, 3, 0.5)
    storage.set_trial_user_attr(trial_id, "long", "x" * 2_000)
    storage.set_trial_user_attr(trial_id, "k\x1b[2J", "\ud800")
    state = refresh(address_of(path))
    file = mirror_path(address_of(path))
    assert state.notes == ("1 row does not fit into a study file.",)
    (name,) = study_names(file)
    assert name == "a?" + "b" * 510
    (found,) = studies_in(file)
    assert "left out: 2,002 characters" in found[4][0]["_user_attrs"]
    assert found[4][0]["intermediate_values"] == "[(3, 0.5)]"


def test_a_mirror_that_is_killed_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    storage, address = journal(path), address_of_new(path)
    file = mirror_path(address)
    fill(optuna.create_study(study_name="a", storage=storage))
    refresh(address)
    # Before a commit: the next cursor is written, and rows are not.
    (cursor,) = file.parent.glob("*.cursor")
    _, number, _ = cursor.name.split(".")
    cursor.with_name(f"{file.stem}.{int(number) + 1}.cursor").write_text("{}")
    fill(optuna.create_study(study_name="b", storage=storage))

    def broken() -> Iterator[Change]:
        yield RowBatch("studies", [(77, "never")])
        raise KeyboardInterrupt

    mirror = MirrorFile(file)
    with pytest.raises(KeyboardInterrupt):
        mirror.take(broken())
    mirror.close()
    refresh(address)
    assert studies_in(file) == studies_in(storage)
    # Without its cursor nothing is known of the rows.
    for each in file.parent.glob("*.cursor"):
        each.unlink()
    refresh(address)
    assert studies_in(file) == studies_in(storage)


def test_a_look_that_finds_nothing_leaves_the_mirror_as_it_is(tmp_path: Path) -> None:
    mirror = MirrorFile(tmp_path / "mirror.db")
    study = RowBatch("studies", [(1, "a")])
    directions = RowBatch("study_directions", [(None, "MINIMIZE", 1, 0)], is_whole=True)
    assert mirror.take([study, directions, Checkpoint("first")])
    before = mirror.path.with_name("mirror.db-wal").read_bytes()
    assert not mirror.take([directions, Checkpoint("second")])
    assert mirror.cursor == "second"
    assert mirror.path.with_name("mirror.db-wal").read_bytes() == before
    mirror.close()
    again = MirrorFile(tmp_path / "mirror.db")
    assert again.cursor == "first"
    again.close()


def test_rows_that_no_table_takes_are_counted_and_others_stay(tmp_path: Path) -> None:
    mirror = MirrorFile(tmp_path / "mirror.db")
    rows: list[tuple[object, ...]] = [
        (1, 0, 1, None, None, None),
        (2, 1, 1, "RUNNING", None, None),
        (2**70, 2, 1, "FAIL"),
        (3, 2, 1, "WAITING", b"\xff", object()),
    ]
    mirror.take([RowBatch("studies", [(1, "a")]), RowBatch("trials", rows), Checkpoint("c")])
    assert mirror.trials() == {1: (3, 2)}
    assert mirror.n_unfit == 2
    mirror.close()


def address_of_new(path: Path) -> Any:
    path.touch()
    return address_of(path)


def test_a_source_that_goes_leaves_what_was_read_and_says_so(tmp_path: Path) -> None:
    path, away = tmp_path / "journal.log", tmp_path / "away"
    fill(optuna.create_study(study_name="a", storage=journal(path)))
    address = address_of(path)
    before = refresh(address)
    path.rename(away)
    stale = refresh(address)
    assert stale.is_stale
    assert stale.trouble == f"The journal {path} cannot be read: there is no such file."
    assert stale.synced_s == before.synced_s
    assert f"mirror of {path}, " in stale.describe()
    assert study_names(mirror_path(address)) == ["a"]
    away.rename(path)
    assert not refresh(address).trouble
    nowhere = address_of("postgresql://me:sesame@127.0.0.1:1/db")
    with pytest.raises(HptuiError, match=r"postgresql://me@127|psycopg") as caught:
        refresh(nowhere)
    files = [each.read_text(errors="replace") for each in mirrors_folder().iterdir()]
    assert "sesame" not in f"{caught.value} {caught.value.hint} {files}"
    assert not mirror_path(nowhere).exists()


def test_one_process_writes_and_nobody_else_may_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    journal(path).create_new_study([StudyDirection.MINIMIZE], "a")
    file = mirror_path(address_of(path))
    with writing(file) as first, writing(file) as second:
        assert (first, second) == (True, False)
    refresh(address_of(path))
    modes = {stat.S_IMODE(each.stat().st_mode) for each in file.parent.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_mirror_is_never_changed(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    journal(path).create_new_study([StudyDirection.MINIMIZE], "a")
    refresh(address_of(path))
    file = mirror_path(address_of(path))
    state = mirror_state(file)
    assert state is not None
    assert state.named == str(path)
    sentence = f"This study is in {path}; hptui only reads it there"
    with pytest.raises(StudyFileError, match=sentence):
        require_writable(file)
    with pytest.raises(StudyFileError, match=sentence):
        delete_study(file, "a")
    assert mirror_state(tmp_path / "mirrors" / "a.db") is None


def test_any_storage_of_optuna_is_followed_by_whole_trials(tmp_path: Path) -> None:
    storage, rng = InMemoryStorage(), random.Random(5)
    file = MirrorFile(tmp_path / "mirror.db")
    source = AnyStorage(lambda: storage, "grpc", "grpc://h")
    source.open()
    for turn in range(5):
        study_id = write_study(storage, rng, f"study {turn}")
        if turn == 3:
            storage.delete_study(study_id)
        running = storage.create_new_trial(0)
        assert file.take(source.changes(file.cursor, file)), turn
        assert studies_in(file.path) == studies_in(storage), turn
        n_objectives = len(storage.get_study_directions(0))
        run_trial(storage, running, rng, n_objectives)
    file.take(source.changes(file.cursor, file))
    assert studies_in(file.path) == studies_in(storage)
    only = AnyStorage(lambda: storage, "grpc", "grpc://h", "study 1")
    only.open()
    alone = MirrorFile(tmp_path / "alone.db")
    alone.take(only.changes(None, alone))
    assert list(alone.studies().values()) == ["study 1"]
    for each in (file, alone):
        each.close()

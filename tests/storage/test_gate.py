"""A file is looked at before it is opened, and refused unchanged with a sentence."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.study import StudyDirection
from tests.storage.comparison import content_of, plain_optuna
from tests.storage.study_file import StudyFile

from hptui.errors import StudyFileError
from hptui.storage.files import validation
from hptui.storage.files.upgrade import optuna_url
from hptui.storage.files.validation import (
    inspect_file,
    open_read_only,
    require_readable,
    require_writable,
)
from hptui.storage.read.studies import study_names
from hptui.storage.sqlite.connection import filesystem_of, is_on_network
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Callable

ODD_NAMES = (
    "plain",
    "{x}",
    "{SCHEMA_VERSION.__class__}",
    "100%",
    "50%20off",
    "what?mode=memory",
    "a#b",
    "with space",
    "ünï→日本",
    "line\nbreak",
    "~",
    "a&b=c",
    "'quoted\"",
)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A study file with one study and two trials, closed."""
    path = tmp_path / "study.db"
    with SqliteStorage(path, create=True) as storage:
        study = optuna.create_study(storage=storage, study_name="s")
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    return path


def _execute(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def _state(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        each.name: (hashlib.sha256(each.read_bytes()).hexdigest(), each.stat().st_mtime_ns)
        for each in folder.iterdir()
        if each.is_file()
    }


def test_a_study_file_is_readable_and_writable(path: Path) -> None:
    before = _state(path.parent)

    report = inspect_file(path)

    assert (report.kind, report.version, report.read_only) == ("optuna", "v3.2.0.a", False)
    assert report.sentence == ""
    assert require_readable(path) == require_writable(path) == report
    assert _state(path.parent) == before


def test_a_file_of_plain_optuna_is_a_study_file(tmp_path: Path) -> None:
    plain_optuna(tmp_path / "a.db").engine.dispose()

    assert inspect_file(tmp_path / "a.db").kind == "optuna"


def _nothing(path: Path) -> None:
    path.unlink()


def _zero_bytes(path: Path) -> None:
    path.write_bytes(b"")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _text(path: Path) -> None:
    path.write_text("trial,value\n1,2\n" * 100)


def _short_text(path: Path) -> None:
    path.write_text("SQL")


def _first_page_only(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:4096])


def _few_bytes(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def _last_page_missing(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4096])


def _zeroed_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 * 4 : 4096 * 12] = bytes(4096 * 8)
    path.write_bytes(content)


def _empty_database(path: Path) -> None:
    path.unlink()
    _execute(path, "CREATE TABLE t (a)", "DROP TABLE t")


def _address_book(path: Path) -> None:
    path.unlink()
    _execute(path, "CREATE TABLE people (name TEXT)", "INSERT INTO people VALUES ('x')")


def _extra_table(path: Path) -> None:
    _execute(path, "CREATE TABLE more (a)")


def _extra_index(path: Path) -> None:
    _execute(path, "CREATE INDEX more ON trials (number)")


def _trigger(path: Path) -> None:
    _execute(
        path,
        "CREATE TRIGGER boom AFTER INSERT ON trials BEGIN DELETE FROM trial_values; END",
    )


def _view(path: Path) -> None:
    _execute(
        path,
        "CREATE VIEW forever AS WITH RECURSIVE c(n) AS"
        " (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c",
    )


def _view_for_a_table(path: Path) -> None:
    _execute(
        path,
        "DROP TABLE trial_heartbeats",
        "CREATE VIEW trial_heartbeats AS SELECT 1 AS trial_id",
    )


def _virtual_table(path: Path) -> None:
    _execute(path, "CREATE VIRTUAL TABLE search USING fts5 (a)")


def _virtual_table_under_a_known_name(path: Path) -> None:
    _execute(
        path,
        "DROP TABLE trial_heartbeats",
        "CREATE VIRTUAL TABLE trial_heartbeats USING fts5 (a)",
    )


def _missing_table(path: Path) -> None:
    _execute(path, "DROP TABLE trial_params")


def _missing_column(path: Path) -> None:
    _execute(path, "ALTER TABLE trials DROP COLUMN number")


def _generated_column(path: Path) -> None:
    _execute(path, "ALTER TABLE trials ADD COLUMN big AS (zeroblob(1000000000))")


def _partial_index(path: Path) -> None:
    _execute(
        path,
        "DROP INDEX ix_trials_study_id",
        "CREATE INDEX ix_trials_study_id ON trials (study_id) WHERE hex(zeroblob(9)) = ''",
    )


def _newer(path: Path) -> None:
    _execute(path, "UPDATE alembic_version SET version_num = 'v9.0.0.a'")


def _older(path: Path) -> None:
    _execute(path, "UPDATE alembic_version SET version_num = 'v2.6.0.a'")


def _two_versions(path: Path) -> None:
    _execute(path, "INSERT INTO alembic_version VALUES ('v2.6.0.a')")


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (_nothing, "missing", "does not exist"),
        (_zero_bytes, "empty", "is empty (0 bytes)"),
        (_folder, "directory", "is a folder, not a study file"),
        (_fifo, "not_sqlite", "is not a regular file"),
        (_text, "not_sqlite", "is not an SQLite file"),
        (_short_text, "damaged", "is truncated: it has 3 bytes"),
        (_few_bytes, "damaged", "is truncated: it has 50 bytes"),
        (_first_page_only, "damaged", "is truncated: 4096 of "),
        (_last_page_missing, "damaged", "is truncated: "),
        (_zeroed_middle, "damaged", ""),
        (_empty_database, "empty", "is an SQLite file without tables"),
        (_address_book, "foreign", "it holds the table 'people'"),
        (_extra_table, "foreign", "it holds the table 'more'"),
        (_extra_index, "foreign", "it holds the index 'more'"),
        (_trigger, "foreign", "it holds the trigger 'boom'"),
        (_view, "foreign", "it holds the view 'forever'"),
        (_view_for_a_table, "foreign", "it holds the view 'trial_heartbeats'"),
        (_virtual_table, "foreign", "it holds the virtual table 'search'"),
        (
            _virtual_table_under_a_known_name,
            "foreign",
            "it holds the virtual table 'trial_heartbeats'",
        ),
        (_missing_table, "damaged", "it lacks the table trial_params"),
        (_missing_column, "damaged", "the columns of table trials are not Optuna's"),
        (_generated_column, "damaged", "the columns of table trials are not Optuna's"),
        (_partial_index, "damaged", "an index of table trials is not Optuna's"),
        (_newer, "newer", "was made by a newer Optuna: its schema is v9.0.0.a"),
        (_older, "older", "was made by an older Optuna (schema v2.6.0.a)"),
        (_two_versions, "damaged", "its schema version is unknown"),
    ],
)
def test_what_is_no_sound_study_file_is_refused_unchanged(
    path: Path, spoil: Callable[[Path], None], kind: str, words: str
) -> None:
    spoil(path)
    is_kept = path.is_file()
    before = _state(path.parent)

    report = inspect_file(path)

    assert (report.kind, report.sentence.startswith(str(path))) == (kind, True)
    assert words in report.sentence
    for refuse in (require_readable, require_writable, SqliteStorage):
        with pytest.raises(StudyFileError) as caught:
            refuse(path)
        assert caught.value.message == report.sentence
        assert caught.value.hint == report.hint
    if kind != "missing":
        with pytest.raises(StudyFileError):
            SqliteStorage(path, create=True)
    assert path.is_file() == is_kept
    assert _state(path.parent) == before


def test_an_older_file_is_told_how_to_be_upgraded(path: Path) -> None:
    _older(path)

    assert inspect_file(path).hint == f"hptui upgrade {path} makes a backup and upgrades it."


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bytes_never_do_more_than_be_refused(path: Path, seed: int) -> None:
    rng = random.Random(seed)
    content = bytearray(path.read_bytes())
    start = 0 if seed % 4 == 0 else rng.randrange(len(content))
    for _ in range(rng.choice((1, 20, 300))):
        content[min(start + rng.randrange(4096), len(content) - 1)] = rng.randrange(256)
    path.write_bytes(content)
    before = _state(path.parent)

    report = inspect_file(path)

    assert _state(path.parent) == before
    assert (report.kind == "optuna") == (report.sentence == "")
    if report.kind == "optuna":
        try:
            SqliteStorage(path).close()
        except StudyFileError as error:
            assert "damaged" in error.message or "cannot be" in error.message  # noqa: PT017


def test_a_look_changes_nothing_while_an_engine_writes(path: Path) -> None:
    with SqliteStorage(path) as storage:
        storage.grouped = True
        storage.create_new_trial(storage.create_new_study([StudyDirection.MINIMIZE], "t"))
        assert path.with_name("study.db-wal").stat().st_size > 0
        before = _state(path.parent)

        assert inspect_file(path).kind == "optuna"

        after = _state(path.parent)
        assert {name: after[name] for name in ("study.db", "study.db-wal")} == {
            name: before[name] for name in ("study.db", "study.db-wal")
        }
        assert storage.flush()


def test_a_reader_leaves_no_side_files_where_it_found_none(path: Path) -> None:
    before = _state(path.parent)
    connection = open_read_only(path)
    assert connection.execute("SELECT count(*) FROM trials").fetchone() == (2,)
    assert path.with_name("study.db-wal").exists()

    connection.close()

    assert _state(path.parent) == before


def test_a_reader_leaves_the_side_files_of_others(path: Path) -> None:
    with SqliteStorage(path) as storage:
        study = optuna.create_study(storage=storage, study_name="t")
        before = _state(path.parent)
        assert "study.db-wal" in before
        open_read_only(path).close()
        assert _state(path.parent).keys() == before.keys()
        study.ask()

    connection = open_read_only(path)
    with SqliteStorage(path) as storage:
        connection.close()
        optuna.load_study(storage=storage, study_name="t").ask()
        assert len(optuna.load_study(study_name="t", storage=optuna_url(path)).trials) == 2


def test_a_look_takes_no_lock_from_a_reader_of_the_same_process(path: Path) -> None:
    """Closing any descriptor of a file lets go of all locks of the process on it."""
    write = (
        "import sqlite3, sys; connection = sqlite3.connect(sys.argv[1]);"
        "connection.execute('INSERT INTO studies (study_name) VALUES (hex(randomblob(8)))');"
        "connection.commit(); connection.close()"
    )
    connection = open_read_only(path)
    assert connection.execute("SELECT count(*) FROM studies").fetchone() == (1,)
    for count in (2, 3):
        assert inspect_file(path).kind == "optuna"
        subprocess.run([sys.executable, "-c", write, str(path)], check=True)
        assert connection.execute("SELECT count(*) FROM studies").fetchone() == (count,)
    connection.close()


def test_what_a_killed_engine_left_in_the_wal_is_seen(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    with SqliteStorage(path) as storage:
        storage.create_new_study([StudyDirection.MINIMIZE], "in the wal")
        _execute(path, "CREATE TABLE hidden (a)")
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{path}{suffix}", f"{folder / 'study.db'}{suffix}")

    report = inspect_file(folder / "study.db")

    assert report.kind == "foreign"
    assert "the table 'hidden'" in report.sentence


def test_a_half_done_commit_of_plain_optuna_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    plain_optuna(path).engine.dispose()
    folder = tmp_path / "copy"
    folder.mkdir()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("PRAGMA cache_spill = 1")
    connection.execute("BEGIN IMMEDIATE")
    for index in range(2000):
        connection.execute("INSERT INTO studies (study_name) VALUES (?)", (f"{index}" * 50,))
    for suffix in ("", "-journal"):
        shutil.copyfile(f"{path}{suffix}", f"{folder / 'a.db'}{suffix}")
    connection.execute("ROLLBACK")
    connection.close()

    assert inspect_file(folder / "a.db").kind == "optuna"
    with SqliteStorage(folder / "a.db") as storage:
        assert storage.get_all_studies() == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_read_only_file_can_be_read_but_not_continued(path: Path, what: str) -> None:
    target = path if what == "file" else path.parent
    mode = target.stat().st_mode
    target.chmod(stat.S_IMODE(mode) & ~0o222)
    try:
        _assert_read_only(path, what)
    finally:
        target.chmod(mode)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_file_that_the_system_calls_read_only_can_be_read_but_not_continued(
    path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = path if what == "file" else path.parent

    def access(asked: Path, mode: int) -> bool:
        return asked != target or not mode & os.W_OK

    monkeypatch.setattr(validation.os, "access", access)
    _assert_read_only(path, what)


def _assert_read_only(path: Path, what: str) -> None:
    report = inspect_file(path)
    assert (report.kind, report.read_only) == ("optuna", True)
    assert require_readable(path) == report
    with pytest.raises(StudyFileError, match=f"not continued: the {what} is read-only"):
        SqliteStorage(path)
    connection = open_read_only(path)
    assert connection.execute("SELECT count(*) FROM trials").fetchone() == (2,)
    connection.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_somebody_else_is_unreadable(path: Path) -> None:
    path.chmod(0)

    report = inspect_file(path)

    assert report.kind == "unreadable"
    assert "Permission denied" in report.sentence


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop.db").symlink_to("loop.db")

    with pytest.raises(StudyFileError):
        require_readable(tmp_path / "loop.db")


def test_a_reader_cannot_write_and_sees_later_commits(path: Path) -> None:
    connection = open_read_only(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM trials")
    pragmas = ("query_only", "trusted_schema", "cell_size_check", "mmap_size")
    values = [connection.execute(f"PRAGMA {name}").fetchone() for name in pragmas]
    assert [value and value[0] for value in values] in ([1, 0, 1, 0], [1, 0, 1, None])

    with SqliteStorage(path) as storage:
        storage.create_new_trial(storage.get_study_id_from_name("s"))
        assert connection.execute("SELECT count(*) FROM trials").fetchone() == (3,)
    connection.close()


@pytest.mark.parametrize(
    "address",
    [
        "mysql://root@host/db",
        "postgresql+psycopg2://host/db",
        "redis://host",
        "sqlite:///study.db",
        "mysql:/host/db",
    ],
)
def test_an_address_is_no_path(address: str) -> None:
    for take in (inspect_file, SqliteStorage, open_read_only):
        with pytest.raises(StudyFileError, match="is an address, and studies are local SQLite"):
            take(address)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_works(tmp_path: Path, name: str) -> None:
    folder = tmp_path / f"in {name}"
    folder.mkdir()
    path = folder / f"{name}.db"
    with SqliteStorage(path, create=True) as storage:
        storage.create_new_trial(storage.create_new_study([StudyDirection.MINIMIZE], name))
    assert [each.name for each in folder.iterdir()] == [path.name]
    assert inspect_file(path).kind == "optuna"
    theirs = optuna.storages.RDBStorage(optuna_url(path))
    assert [study.study_name for study in theirs.get_all_studies()] == [name]
    theirs.engine.dispose()
    with SqliteStorage(path) as storage:
        assert len(content_of(storage)) == 1
    assert [each.name for each in tmp_path.iterdir()] == [folder.name]


def test_a_new_file_never_replaces_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_text("notes")

    with pytest.raises(StudyFileError, match="is not an SQLite file"):
        SqliteStorage(path, create=True)

    assert path.read_text() == "notes"


def test_a_new_file_needs_its_folder(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match="the folder does not exist"):
        SqliteStorage(tmp_path / "no" / "a.db", create=True)

    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_beyond_the_time_for_looking_passes(path: Path) -> None:
    assert inspect_file(path, check_budget_s=0).kind == "optuna"


MOUNTS = """\
/dev/vda / ext4 rw,relatime 0 0
server:/home /home nfs4 rw 0 0
//nas/data /mnt/my\\040share cifs rw 0 0
/dev/sda1 /mnt/usb fuseblk rw 0 0
gdrive /mnt/usb/cloud fuse.rclone rw 0 0
tmpfs /home/me/local tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind", "on_network"),
    [
        ("/srv/a.db", "ext4", False),
        ("/homework/a.db", "ext4", False),
        ("/home/me/a.db", "nfs4", True),
        ("/home/me/local/a.db", "tmpfs", False),
        ("/mnt/my share/a.db", "cifs", True),
        ("/mnt/usb/a.db", "fuseblk", False),
        ("/mnt/usb/cloud/a.db", "fuse.rclone", True),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(
    tmp_path: Path, path: str, kind: str, on_network: bool
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)

    assert filesystem_of(Path(path), mounts) == kind
    assert is_on_network(Path(path), mounts) is on_network


def test_without_a_table_of_mounts_a_file_counts_as_local(tmp_path: Path) -> None:
    assert filesystem_of(tmp_path, tmp_path / "none") == ""
    assert not is_on_network(tmp_path, tmp_path / "none")


@pytest.mark.parametrize(("kind", "mode"), [("ext4", "wal"), ("nfs4", "delete")])
def test_there_is_no_wal_on_a_network_file_system(path: Path, kind: str, mode: str) -> None:
    mounts = path.with_name("mounts")
    mounts.write_text(f"x / {kind} rw 0 0\n")

    for create in (True, False):
        file = path.with_name(f"new-{create}.db") if create else path
        with SqliteStorage(file, create=create, mounts=mounts) as storage:
            storage.grouped = True
            raw = storage._file.connection.raw
            assert raw.execute("PRAGMA journal_mode").fetchone() == (mode,)
            assert raw.execute("PRAGMA synchronous").fetchone() == (2,)
            assert raw.execute("PRAGMA foreign_keys").fetchone() == (0,)
            assert raw.execute("PRAGMA trusted_schema").fetchone() == (0,)
            assert raw.execute("PRAGMA cell_size_check").fetchone() == (1,)
            study_id = storage.create_new_study([StudyDirection.MINIMIZE], "t")
            storage.create_new_trial(study_id)
            assert storage.flush()
            assert content_of(storage) == content_of(file)


HALF_WRITTEN = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
connection.execute("UPDATE studies SET study_name = 'changed'")
for number in range(2_000):
    connection.execute(
        "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (1, ?, ?)",
        (str(number), "x" * 500),
    )
os._exit(0)
"""


def half_written(path: Path) -> Path:
    """Make a study file that a program was killed in the middle of writing to."""
    with StudyFile(path) as built:
        built.add_study("whole")
    subprocess.run([sys.executable, "-c", HALF_WRITTEN, str(path)], check=True)
    journal = path.with_name(f"{path.name}-journal")
    assert journal.stat().st_size
    return journal


def test_what_a_killed_program_has_half_written_is_not_read(tmp_path: Path):
    half_written(tmp_path / "s.db")
    report = inspect_file(tmp_path / "s.db")
    assert (report.kind, report.sentence) == ("optuna", "")
    assert study_names(tmp_path / "s.db") == ["whole"]
    assert {each.name for each in tmp_path.iterdir()} == {"s.db"}


def test_a_journal_that_would_have_another_file_removed_is_left_alone(tmp_path: Path):
    journal = half_written(tmp_path / "s.db")
    mine = tmp_path / "mine"
    mine.write_text("mine")
    name = bytes(mine)
    numbers = (len(name), sum(name))
    record = b"".join(each.to_bytes(4) for each in numbers)
    with journal.open("ab") as stream:
        stream.write(bytes(4) + name + record + bytes.fromhex("d9d505f920a163d7"))
    inspect_file(tmp_path / "s.db")
    assert mine.read_text() == "mine"
    assert journal.exists()

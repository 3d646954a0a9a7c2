"""Commands that change a folder of studies, and what such a folder holds: for tests that kill them.

However a command is killed: when the next command or the doctor has mended what it left, the folder
holds what it held before, or what it would hold had nobody killed it, and nothing else.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from tests.storage.older_files import make_older_file
from tests.storage.study_file import FLOAT, StudyFile

from hptui.cli import main
from hptui.engine.recovery.lease import folder_of

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

ROWS: Final = "rows.csv"
_CONTENT: Final = (
    "SELECT number, state FROM trials WHERE study_id = ?",
    "SELECT number, objective, value, value_type FROM trial_values JOIN trials USING (trial_id) "
    "WHERE study_id = ?",
    "SELECT number, param_name, param_value, distribution_json FROM trial_params "
    "JOIN trials USING (trial_id) WHERE study_id = ?",
    "SELECT number, key, value_json FROM trial_user_attributes JOIN trials USING (trial_id) "
    "WHERE study_id = ?",
    "SELECT key, value_json FROM study_user_attributes WHERE study_id = ?",
)
_STAMP: Final = re.compile(r"\d{8}-\d{6}-\d{6}")


@dataclass(frozen=True)
class Case:
    """A command, and what is done before it in a folder with `one.db` and `two.db`."""

    words: tuple[str, ...]
    first: tuple[str, ...] = ()


CASES: Final[Mapping[str, Case]] = {
    "rename": Case(("rename", "one", "new")),
    "rename-inside": Case(("rename", "two:second", "new")),
    "rename-called-like-the-file": Case(("rename", "two:two", "new")),
    "delete": Case(("delete", "one")),
    "delete-inside": Case(("delete", "two:second")),
    "undo": Case(("undo",), ("delete", "one")),
    "undo-inside": Case(("undo",), ("delete", "two:two")),
    "duplicate": Case(("duplicate", "two:second", "new")),
    "fork": Case(("fork", "two:second", "new")),
    "merge": Case(("merge", "two:two", "two:second", "--into", "new", "--any-objective")),
    "import": Case(("import", ROWS, "two:second")),
    "import-new": Case(("import", ROWS, "new")),
    "export": Case(("export", "one", "new.csv")),
    "upgrade": Case(("upgrade", "old.db")),
}


@contextmanager
def place_of_files() -> Generator[Path]:
    """Yield a folder, in memory where that can be: what a kill leaves is the same on any disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as place:
        yield Path(place)


def make_folder(folder: Path) -> None:
    """Make a study file with one study, one with two, and an older one; logs; rows to import."""
    folder.mkdir(parents=True)
    for stem, names in (("one", ("one",)), ("two", ("two", "second"))):
        with StudyFile(folder / f"{stem}.db") as built:
            built.run("PRAGMA journal_mode = WAL")
            for name in names:
                study_id = built.add_study(name)
                for value in range(4):
                    built.add_trial(
                        value + len(name), study_id=study_id, params={"x": (0.5, FLOAT)}
                    )
                study = folder_of(folder / f"{stem}.db", name)
                for place in ("logs/trial-000000.log", "scratch/000000/model.bin"):
                    (study / place).parent.mkdir(parents=True)
                    (study / place).write_text(name)
    make_older_file(folder / "old.db", "v3.0.0.d")
    (folder / ROWS).write_text("x,value\n0.25,7\n0.75,8\n", "utf-8")


def fresh(base: Path, folder: Path, case: Case) -> None:
    """Make a folder as it is before a case's command."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(base, folder)
    if "old.db" not in case.words:
        (folder / "old.db").unlink()
    if case.first:
        assert hptui(folder, *case.first)[0] == 0


def words_for(folder: Path, words: tuple[str, ...]) -> list[str]:
    """Return a command's words in a folder."""
    paths = {ROWS, "new.csv", "old.db"}
    spelled = [str(folder / word) if word in paths else word for word in words]
    return spelled if "upgrade" in words else [*spelled, "--studies", str(folder)]


def hptui(folder: Path, *words: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and all that it said."""
    said = StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = main(words_for(folder, words))
    return code, said.getvalue()


def state_of(folder: Path) -> dict[str, Any]:
    """Return all that is in a folder: what studies hold, and the text of other files."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = _STAMP.sub("TIME", str(path.relative_to(folder)))
        if not path.is_file() or path.name == "engine.lock" or name.endswith("-shm"):
            continue
        if path.suffix == ".db" or ".db.bak" in path.name:
            found[name] = _studies_in(path)
        elif path.name == "entry.json":
            found[name] = {**json.loads(path.read_text()), "deleted": None}
        elif path.stat().st_size or not name.endswith("-wal"):
            found[name] = path.read_bytes()
    return found


def _studies_in(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        asked = "SELECT study_id, study_name FROM studies ORDER BY study_name"
        studies = connection.execute(asked).fetchall()
        if path.stem == "old" or ".bak" in path.name:
            return [(version, studies)]
        return [
            (name, *(sorted(map(repr, connection.execute(each, (at,)))) for each in _CONTENT))
            for at, name in studies
        ]


def mend(folder: Path, *, next_command: bool) -> list[str]:
    """Have a killed command's leavings mended; return what is wrong with how that went."""
    trouble: list[str] = []
    # A draft whose owner could not yet say who it is counts as left when it is old.
    for path in folder.glob(".hptui-new-*"):
        for each in (path, *path.rglob("*")):
            os.utime(each, (0, 0))
    if next_command:
        code, said = hptui(folder, "ls", "--json")
        if code:
            trouble.append(f"ls: {code} {said}")
    _, done = hptui(folder, "doctor", "--fix")
    code, said = hptui(folder, "doctor")
    if code:
        trouble.append(f"doctor --fix: {done}; and then doctor: {said}")
    return trouble


@dataclass(frozen=True)
class Expected:
    """What a case's folder may hold when all is mended."""

    before: dict[str, Any]
    after: dict[str, Any]


def expected(base: Path, folder: Path, case: Case) -> Expected:
    """Run a case's command to its end."""
    fresh(base, folder, case)
    before = state_of(folder)
    code, said = hptui(folder, *case.words)
    assert code == 0, said
    return Expected(before, state_of(folder))


def check(folder: Path, case: Case, of: Expected, *, next_command: bool) -> list[str]:
    """Return what is wrong after a kill with what is mended, or with giving the command again."""
    trouble = mend(folder, next_command=next_command)
    found = state_of(folder)
    if found == of.before:
        code, said = hptui(folder, *case.words)
        found = state_of(folder)
        if code or found != of.after:
            trouble.append(f"given again: {code} {said}")
    if found != of.after:
        names = found.keys() ^ of.after.keys() or {
            name for name in found if found[name] != of.after[name]
        }
        trouble.append(f"neither as before nor as after: {sorted(names)}")
    return trouble

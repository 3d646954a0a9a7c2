"""Damaged files, and every command that reads: a sentence or an answer, in time.

Each run of the tests tries others; a failure names the seed that makes the file again. `make
fuzz-files` tries two thousand, or as many as HPTUI_FUZZ_FILES says.
"""

from __future__ import annotations

import collections
import os
import random
from typing import TYPE_CHECKING

import optuna
import pytest
from tests.cli.damaged_files import damage
from tests.storage.comparison import plain_optuna
from tests.storage.random_studies import add_trials, write_study
from tests.time_limit import TooLong, time_limit

from hptui.cli import main

if TYPE_CHECKING:
    from pathlib import Path

N_FILES = int(os.environ.get("HPTUI_FUZZ_FILES", "60"))
FIRST_SEED = int(os.environ.get("HPTUI_FUZZ_SEED") or random.randrange(1_900))
"""Those drawn here are of the two thousand."""
N_PARTS = 4
LIMIT_S = float(os.environ.get("HPTUI_FUZZ_LIMIT_S", "60"))
ALWAYS = ("trials odd --json", "show odd", "doctor odd")
"""What every file is read by; of the others each file is read by three."""
IN_TURN = (
    "ls",
    "show odd 3",
    "trials odd",
    "trials odd --csv --filter value<5",
    "failures odd",
    "best odd",
    "note odd",
    "tag odd",
    "plot odd history",
    "plot odd timeline",
    "report odd --text",
    "export odd x.csv --overwrite",
    "fork odd other --dry-run",
    "compare odd sound",
    "status odd",
    "doctor",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The content of a study file with all kinds of trials."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = tmp_path_factory.mktemp("whole") / "odd.db"
    storage = plain_optuna(path)
    study_id = write_study(storage, random.Random(7), "odd")
    add_trials(storage, study_id, random.Random(8), 25)
    storage.set_study_system_attr(study_id, "hptui:runs", [{"id": "r", "host": "h"}])
    storage.remove_session()
    storage.engine.dispose()
    return path.read_bytes()


def tried(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What is wrong with a command's answer; nothing when it is right, or refuses in a sentence."""
    try:
        with time_limit(LIMIT_S):
            code = main(words.split())
    except TooLong as error:
        return f"takes too long: {error}"
    said = capsys.readouterr()
    if code not in (0, 1, 2, 3) or "internal error" in said.err:
        return f"exit code {code}: {said.err[-2000:]}"
    unsafe = [each for each in ("\x1b", "\x9b") if each in said.out + said.err]
    return f"prints {unsafe}" if unsafe else ""


@pytest.mark.parametrize("part", range(N_PARTS))
def test_every_command_answers_or_refuses_in_time(
    part: int,
    whole: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "odd.db"
    (tmp_path / "sound.db").write_bytes(whole)
    kinds: collections.Counter[str] = collections.Counter()
    wrong: list[str] = []
    for seed in range(FIRST_SEED + part, FIRST_SEED + N_FILES, N_PARTS):
        kind = damage(path, whole, seed)
        kinds[kind] += 1
        before = path.read_bytes()
        in_turn = [IN_TURN[(3 * seed + at) % len(IN_TURN)] for at in range(3)]
        for words in (*ALWAYS, *in_turn):
            trouble = tried(words, capsys)
            if trouble:
                wrong.append(f"seed {seed} ({kind}): hptui {words}: {trouble}")
        has_journal = any(
            path.with_name(path.name + suffix).exists() for suffix in ("-wal", "-journal")
        )
        if not has_journal and path.read_bytes() != before:
            wrong.append(f"seed {seed} ({kind}): the file was changed")
    with capsys.disabled():
        if "HPTUI_FUZZ_FILES" in os.environ:
            print(f"\n{kinds.total()} files, part {part}: {dict(kinds)}, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong[:10])

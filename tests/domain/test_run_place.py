"""In what a run's place differs from that of the one before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hptui.domain.run_place import NOWHERE, RunPlace, differences, short_path

HERE = RunPlace("/home/ada/a", "/home/ada/a/.venv/bin/python", "3.12.1")
USED = "The last run used Python 3.12.1 (/home/ada/a/.venv/bin/python); this one uses Python"


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (HERE, []),
        (NOWHERE, []),
        (
            RunPlace("/home/ada/b\x1b[2J", HERE.python, HERE.python_version),
            ["The last run ran in /home/ada/a; this one runs in /home/ada/b\\x1b[2J."],
        ),
        (
            RunPlace("/home/ada/a", "/usr/bin/python3", "3.12.1"),
            [f"{USED} 3.12.1 (/usr/bin/python3)."],
        ),
        (
            RunPlace("/home/ada/a", HERE.python, "3.13.0"),
            [f"{USED} 3.13.0 (/home/ada/a/.venv/bin/python)."],
        ),
    ],
)
def test_a_run_elsewhere_says_so(now: RunPlace, told: list[str]) -> None:
    assert differences(HERE, now) == told


def test_what_is_offered_is_offered_where_the_folder_is_there(tmp_path: Path) -> None:
    for folder, told in ((tmp_path, "go there"), (tmp_path / "gone", "")):
        was = RunPlace(str(folder), HERE.python, HERE.python_version)
        (sentence,) = differences(was, HERE, lambda each: f"{each}: go there")
        assert sentence.endswith(f"a. {folder}: go there" if told else "/home/ada/a.")


def test_this_process_has_a_place() -> None:
    here = RunPlace.here()
    assert Path(here.folder) == Path.cwd()
    assert here.python_version in here.python_text()
    assert short_path(str(Path.home() / "a")) == "~/a"
    assert short_path(f"{Path.home()}x") == f"{Path.home()}x"

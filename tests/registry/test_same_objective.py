"""In what two studies differ that were run with other words for the same thing, or for another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hptui.domain.objective import ObjectiveRef
from hptui.registry.commands.command import CommandSpec
from hptui.registry.same_objective import Tuned, difference, resolved_file

if TYPE_CHECKING:
    from pathlib import Path

OBJECTIVE = """
from pathlib import Path
def objective(trial, data: str, folds: int = 5, out: Path = Path("out")): return 0.0
"""


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder with code and data, a link to it, and a folder with other data of that name."""
    lab, other = tmp_path / "lab", tmp_path / "other"
    for folder in (lab, other):
        folder.mkdir()
        (folder / "train.py").write_text(OBJECTIVE)
        (folder / "a.csv").write_text(folder.name)
    (lab / "b.csv").touch()
    (tmp_path / "link").symlink_to(lab)
    return lab


def by_words(words: str, folder: Path, study: str, metric: str = "loss") -> Tuned:
    spec = CommandSpec(words=tuple(words.split()), metrics=(metric,), cwd=str(folder))
    ref = spec.to_ref()
    return Tuned(study, ref, resolved_file(ref), str(folder))


ONE = "python train.py --data a.csv {x=1..9}"
SAME_WORDS = [
    (ONE, "lab"),
    ("python ./train.py --data ../lab/a.csv {x=2..3}", "lab"),
    ("python lab/train.py --data lab/a.csv {x=1..9}", "."),
    ("python LAB/train.py --data LAB/a.csv {x=1..9}", "other"),
    (ONE, "link"),
]


@pytest.mark.parametrize(("words", "folder"), SAME_WORDS)
def test_paths_of_one_file_are_alike_in_commands(words: str, folder: str, lab: Path) -> None:
    one = by_words(ONE, lab, "one")
    two = by_words(words.replace("LAB", str(lab)), lab.parent / folder, "two")
    assert difference(one, two) == difference(two, one) == ""


OTHER_WORDS = [
    (
        "python train.py --data b.csv {x=1..9}",
        "loss",
        "two runs with --data b.csv, and one with --data a.csv.",
    ),
    (
        "python train.py --data a.csv --fast {x=1..9}",
        "loss",
        "two runs with --fast, and one with nothing in its place.",
    ),
    (
        "python train.py {x=1..9}",
        "loss",
        "two runs with nothing in its place, and one with --data a.csv.",
    ),
    ("python train.py --data a.csv {y=1..9}", "loss", "two runs with '{y}', and one with '{x}'."),
    (ONE, "error", "two reads error, and one reads loss."),
]


@pytest.mark.parametrize(("words", "metric", "told"), OTHER_WORDS)
def test_commands_that_differ_say_in_which_words(
    words: str, metric: str, told: str, lab: Path
) -> None:
    two = by_words(words, lab, "two", metric)
    assert difference(by_words(ONE, lab, "one"), two) == told


def test_the_same_words_may_run_another_script(lab: Path) -> None:
    other = lab.parent / "other"
    one, two = by_words(ONE, lab, "one"), by_words(ONE, other, "two")
    assert difference(one, two) == (
        f"two runs {other / 'train.py'}, and one runs {lab / 'train.py'}."
    )
    # Code that was moved is the same; a study may come from another machine.
    (lab / "train.py").unlink()
    one, two = (replace(each, code_sha="1") for each in (one, two))
    assert difference(one, two) == difference(two, one) == ""


def by_script(lab: Path, argv: str, folder: Path, study: str) -> Tuned:
    path = str(lab / "train.py")
    return Tuned(
        study, ObjectiveRef("script", path, "", "t", tuple(argv.split())), path, str(folder)
    )


def test_arguments_of_scripts_are_alike_where_they_name_one_file(lab: Path) -> None:
    one = by_script(lab, "--data=a.csv -n 3", lab, "one")
    for argv in ("--data=lab/a.csv -n 3", f"--data={lab}/a.csv -n 3"):
        assert difference(one, by_script(lab, argv, lab.parent, "two")) == ""
    for argv, told in {
        "--data=a.csv -n 4": "two was run with -n 4, and one with -n 3.",
        "--data=b.csv -n 4": "two was run with --data=b.csv, -n 4, and one with --data=a.csv, "
        "-n 3.",
        "--datum=a.csv -n 3": "two was run with --datum=a.csv, and one with --data=a.csv.",
    }.items():
        assert difference(one, by_script(lab, argv, lab, "two")) == told


def by_function(lab: Path, folder: Path, study: str, *arguments: tuple[str, str]) -> Tuned:
    path = str(lab / "train.py")
    ref = ObjectiveRef("file", path, "objective", "train", arguments=arguments)
    return Tuned(study, ref, path, str(folder))


def test_arguments_of_functions_mean_the_same_in_any_order(lab: Path) -> None:
    one = by_function(lab, lab, "one", ("data", "a.csv"), ("folds", "5"))
    top = lab.parent
    for arguments in (
        (("folds", "5"), ("data", "lab/a.csv")),
        (("data", f"{lab}/a.csv"), ("out", "./out")),
    ):
        assert difference(one, by_function(lab, top, "two", *arguments)) == ""
    two = by_function(lab, lab, "two", ("folds", "3"), ("data", "b.csv"))
    assert difference(one, two) == (
        "two was run with data=b.csv, folds=3, and one with data=a.csv, folds=5."
    )
    gone = replace(one, study="gone", ref=replace(one.ref, attribute="score"))
    assert difference(one, gone).startswith("gone tunes train (")


def test_paths_from_another_machine_are_compared_as_they_are_written() -> None:
    words = [
        "python /far/lab/train.py --data ./data/a.csv {x=1..9}",
        "python train.py --data data/../data/a.csv {x=1..9}",
    ]
    one, two = (
        Tuned(each, CommandSpec(words=tuple(each.split()), metrics=("m",), cwd="/far/lab").to_ref())
        for each in words
    )
    assert difference(one, two) == ""
    wild = "python train.py --data https://a.org/x {x=1..9}"
    three = Tuned("three", CommandSpec(words=tuple(wild.split()), metrics=("m",)).to_ref())
    assert "three runs with --data https://a.org/x" in difference(replace(two, study="two"), three)

"""What objectives take besides the trial: read from the source, converted, put into them."""

from __future__ import annotations

import enum
from pathlib import Path
from textwrap import dedent
from typing import Any, Literal, Optional, Union

import pytest

from hptui.domain.objective import ATTRIBUTE, Argument
from hptui.domain.texts.argument_values import UnfitValueError, convert, expected
from hptui.errors import HptuiError, ObjectiveError, UsageError
from hptui.registry.catalogue import FoundObjective, resolve, with_arguments
from hptui.registry.loading.arguments import differing_arguments, how_to_give, read_arguments
from hptui.registry.loading.load import load_objective


class Kind(enum.Enum):
    SMALL = "s"
    LARGE = 2


# How people still spell unions.
MAYBE_INT, MAYBE_PATH, EITHER = Optional[int], Optional[Path], Union[str, int]  # noqa: UP007, UP045

FITTING: list[tuple[object, str, object]] = [
    (int, "5", 5),
    (int, " -1_000", -1000),
    (float, "1e-3", 1e-3),
    (bool, "Yes", True),
    (bool, "off", False),
    (str, "a=b, c", "a=b, c"),
    (Path, "data/train.csv", Path("data/train.csv")),
    (Path, "~", Path.home()),
    (Literal["a", 2], "2", 2),
    (Kind, "LARGE", Kind.LARGE),
    (Kind, "s", Kind.SMALL),
    (MAYBE_INT, "none", None),
    (MAYBE_PATH, "null", None),
    (MAYBE_INT, "4", 4),
    (EITHER, "4", 4),
    (EITHER, "four", "four"),
    (float | int, "3", 3),
    (int | bool, "true", True),
    (str | list[str], "one", "one"),
    (str | list[str], "one,two", ["one", "two"]),
    (list[int], "1, 2,3", [1, 2, 3]),
    (list[int], "[1, 2]", [1, 2]),
    (list, "a,b", ["a", "b"]),
    (list[float], "", []),
    (set[str], "a,a", {"a"}),
    (tuple[int, str], "1,a", (1, "a")),
    (tuple[float, ...], "[1, 2.5]", (1.0, 2.5)),
    (list[Kind], "s,LARGE", [Kind.SMALL, Kind.LARGE]),
    (dict, '{"a": [1, null]}', {"a": [1, None]}),
    (dict[str, Path], '{"a": "b"}', {"a": Path("b")}),
    (dict[str, float | None], '{"a": 1, "b": null}', {"a": 1.0, "b": None}),
    (Any, "5", "5"),
]
UNFIT: list[tuple[object, str, str]] = [
    (int, "many", "'many' is not a whole number"),
    (int, "2.5", "whole number"),
    (float, "", "a number"),
    (bool, "maybe", "true or false"),
    (Literal["a", 2], "b", "one of a, 2"),
    (Kind, "medium", "one of SMALL, LARGE"),
    (MAYBE_INT, "x", "a whole number or none"),
    (list[int], "1,x", "'x' is not a whole number"),
    (list[int], "[1", "a JSON list"),
    (list[int], "[1.5]", "'1.5' is not a whole number"),
    (tuple[int, str], "1", "it has 1 value, not 2"),
    (dict, "[1]", "a JSON object"),
    (dict[str, int], '{"a": "b"}', "a whole number"),
    (bytes, "x", "its type bytes cannot be read from text"),
]


@pytest.mark.parametrize(("hint", "text", "value"), FITTING)
def test_a_text_becomes_a_value_of_its_type(hint: object, text: str, value: object) -> None:
    found = convert(text, hint)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(("hint", "text", "why"), UNFIT)
def test_a_text_that_does_not_fit_says_what_does(hint: object, text: str, why: str) -> None:
    with pytest.raises(UnfitValueError, match=why.replace("[", r"\[")):
        convert(text, hint)
    assert expected(hint)


SOURCE = """
from __future__ import annotations
import functools
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal
import hptui
if TYPE_CHECKING:
    from lab import Rows

class Size(Enum):
    SMALL = "s"
    LARGE = "l"

Mode = Literal["fast", "exact"]

@hptui.objective(name="named", direction="maximize")
def tune(trial, data: Path, /, *, folds: int = 5): ...

@hptui.objective(name="bound", direction="maximize")
def objective(trial, data: Path, rows: Rows = None, size: Size = Size.SMALL, mode: Mode = "fast",
              *, folds=5, rate=0.1, names=("a", "b"), label=None, **more):
    return data, rows, size, mode, folds, rate, names, label, more

def inner(trial, low, high=2):
    return low, high

part = functools.partial(inner, low=1)
small = lambda trial, by=2: by

@dataclass
class Tuner:
    data: str
    folds: int = 3
    rows: list[int] = field(default_factory=list)
    seen: ClassVar[int] = 0
    made: int = field(default=0, init=False)
    def __call__(self, trial):
        return self.data, self.folds, self.rows

class Methods:
    def __init__(self, scale: float = 2.0):
        self.scale = scale
    @staticmethod
    def still(trial, by: int):
        return by
    @classmethod
    def made(cls, trial, by: int = 1):
        return cls.__name__, by
    def plain(self, trial, by: int = 1):
        return self.scale, by
    def bare(trial, by: int = 1):
        return by

def passes(function):
    @functools.wraps(function)
    def passing(trial):
        return function(trial, 7)
    return passing

@passes
def wrapped(trial, by):
    return by

open_to_all = made_elsewhere = (lambda: inner)()
"""


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "with_arguments.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found_in(folder: Path, attribute: str, *texts: str) -> FoundObjective:
    found = resolve(f"with_arguments.py:{attribute}", folder)
    return with_arguments(found, read_arguments(texts))


def test_the_source_says_what_an_objective_takes(folder: Path) -> None:
    info = resolve("with_arguments.py:objective", folder).info
    assert [(each.name, each.type, each.default) for each in info.arguments] == [
        ("data", "Path", None),
        ("rows", "Rows", "None"),
        ("size", "Size", "Size.SMALL"),
        ("mode", "Mode", "fast"),
        ("folds", "int", "5"),
        ("rate", "float", "0.1"),
        ("names", "tuple", "('a', 'b')"),
        ("label", "", "None"),
    ]
    assert info.takes_any


TAKEN: list[tuple[str, list[str], object]] = [
    ("objective", ["data=x"], (Path("x"), None, "S", "fast", 5, 0.1, ("a", "b"), None, {})),
    (
        "objective",
        ["data=x", "rows=r", "size=l", "mode=exact", "folds=2", "rate=1", "names=c", "other=3"],
        (Path("x"), "r", "L", "exact", 2, 1.0, ("c",), None, {"other": "3"}),
    ),
    ("part", [], (1, 2)),
    ("part", ["low=4", "high=3"], (4, 3)),
    ("small", ["by=3"], 3),
    ("inner", ["low=3"], ("3", 2)),
    ("Tuner", ["data=x", "rows=1,2"], ("x", 3, [1, 2])),
    ("Methods.still", ["by=2"], 2),
    ("Methods.made", [], ("Methods", 1)),
    ("Methods.made", ["by=2"], ("Methods", 2)),
    ("Methods.plain", [], (2.0, 1)),
    ("Methods.plain", ["scale=3", "by=2"], (3.0, 2)),
    ("Methods.bare", ["by=2"], 2),
    ("wrapped", [], 7),
    ("made_elsewhere", ["low=2"], ("2", 2)),
]


@pytest.mark.parametrize(("attribute", "texts", "value"), TAKEN)
def test_an_objective_is_given_its_arguments(
    folder: Path, attribute: str, texts: list[str], value: object
) -> None:
    found = found_in(folder, attribute, *texts)
    assert found.problem == ""
    returned: Any = load_objective(found.ref)(None)
    if attribute == "objective":
        # The file's own enum is known to nobody else.
        returned = (*returned[:2], returned[2].name[0], *returned[3:])
    assert returned == value


REFUSED: list[tuple[str, list[str], str, str]] = [
    ("objective", [], "needs arguments besides the trial: data", "--arg data=VALUE (a path)"),
    ("Tuner", [], "needs arguments besides the trial: data", "--arg data=VALUE (a text)"),
    ("inner", ["lwo=1"], "has no argument 'lwo'", "Did you mean low? It takes low, high"),
    ("Tuner", ["data=x", "made=1"], "no argument 'made'", "It takes data, folds, rows."),
    (
        "objective",
        ["data=x", "folds=many"],
        "--arg folds=many does not fit: 'many' is not",
        "whole",
    ),
    ("objective", ["data=x", "size=m"], "'m' is not one of SMALL, LARGE", "SMALL"),
    ("objective", ["data=x", "mode=slow"], "one of fast, exact", "fast"),
    ("wrapped", ["by=8"], "has no argument 'by'", "takes"),
    ("made_elsewhere", [], "made_elsewhere needs low", "--arg low=VALUE"),
    ("made_elsewhere", ["low=1", "hihg=2"], "no argument 'hihg'", "Did you mean high?"),
    ("tune", ["data=x"], "takes data only by its position", "by its name"),
]


@pytest.mark.parametrize(("attribute", "texts", "message", "hint"), REFUSED)
def test_arguments_that_do_not_fit_are_refused(
    folder: Path, attribute: str, texts: list[str], message: str, hint: str
) -> None:
    try:
        found = found_in(folder, attribute, *texts)
        told = (found.problem, found.hint)
        if not found.problem:
            load_objective(found.ref)
    except HptuiError as error:
        told = (error.message, error.hint)
    assert message in told[0]
    assert hint in told[1]


def test_a_function_with_arguments_keeps_its_name_and_its_metadata(folder: Path) -> None:
    function: Any = load_objective(found_in(folder, "objective", "data=x").ref)
    assert function.__name__ == "objective"
    assert function.__module__ == function.__wrapped__.__module__
    assert getattr(function, ATTRIBUTE).directions == ("maximize",)


@pytest.mark.parametrize("text", ["data", "=x", "a b=c", "1=2"])
def test_what_is_no_argument_says_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageError, match="is not NAME=VALUE"):
        read_arguments([text])
    with pytest.raises(UsageError, match="given twice"):
        read_arguments(["a=1", "a=2"])


def test_runs_differ_by_what_their_arguments_mean(folder: Path) -> None:
    info = resolve("with_arguments.py:objective", folder).info

    def differ(was: list[str], now: list[str]) -> object:
        return differing_arguments(read_arguments(was), read_arguments(now), info)

    assert differ(["data=x"], ["data=x", "folds=5", "size=s", "rate=1e-1", "names=a,b"]) == ((), ())
    assert differ(["data=x"], ["data=y", "size=l"]) == (
        (("data", "x"), ("size", "Size.SMALL")),
        (("data", "y"), ("size", "l")),
    )
    assert differ(["z=1"], []) == ((("z", "1"),), ())


def test_a_script_passes_what_its_function_needs(tmp_path: Path) -> None:
    source = """
        import optuna
        def objective(trial, data): return 1
        optuna.create_study().optimize(lambda trial: objective(trial, 1), n_trials=3)
        """
    (tmp_path / "tune.py").write_text(dedent(source))
    found = resolve("tune.py", tmp_path)
    assert (found.ref.kind, with_arguments(found, ()).problem) == ("script", "")
    with pytest.raises(ObjectiveError, match=r"tune\.py is a script") as caught:
        with_arguments(found, (("data", "x"),))
    assert "tune.py:FUNCTION" in caught.value.hint
    function = with_arguments(resolve("tune.py:objective", tmp_path), (("data", "x"),))
    assert (function.ref.kind, function.problem) == ("file", "")


def test_a_broken_annotation_is_no_reason_to_refuse_a_file(tmp_path: Path) -> None:
    source = """
        def objective(trial, a: "1 +", b: Literal[x] = 1, c: list["Unknown"] = (), d: int | X = 1,
                      e: dict[str, "list[int]"] = {}, f: "tuple[int, ...]" = ()): return 1
        """
    (tmp_path / "odd.py").write_text(dedent(source))
    found = resolve("odd.py", tmp_path)
    assert with_arguments(found, (("a", "x"), ("b", "y"), ("d", "z"))).problem == ""
    with pytest.raises(ObjectiveError):
        with_arguments(found, (("f", "1,x"),))


def test_an_argument_whose_type_nothing_says_is_known_to_become_a_text() -> None:
    asked = [Argument("scale"), Argument("folds", "int", hint=int)]
    assert how_to_give(asked) == (
        "Add --arg scale=VALUE (a text; annotate it for a number) "
        "--arg folds=VALUE (a whole number)."
    )

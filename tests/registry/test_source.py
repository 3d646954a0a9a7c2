"""What the source of a file says about the objectives in it."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent

import pytest

from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam
from hptui.errors import ObjectiveError
from hptui.registry.source.objective_source import (
    MAX_SOURCE_BYTES,
    Candidate,
    candidates_in,
    read_source,
)

FILE = Path("train.py")


def _read(source: str) -> list[Candidate]:
    return candidates_in(dedent(source).encode(), FILE)


def _names(source: str) -> list[str]:
    return [each.attribute for each in _read(source)]


def _only(source: str) -> Candidate:
    (found,) = _read(source)
    return found


def test_the_decorators_literal_arguments_are_read() -> None:
    found = _only('''
        import hptui

        @hptui.objective(
            name="digits", summary="Digits", directions=["maximize", "minimize"],
            metric_names=("accuracy", "size"), sampler="random", pruner="none", tags=["a", "b"],
            space={"lr": hptui.Float(1e-5, 0.1, log=True), "depth": hptui.Int(2, high=8),
                   "kind": hptui.Choice(("a", None, 3))},
        )
        def tune(trial):
            """Another summary."""
            return 1.0, 2.0
        ''')
    assert found.attribute == "tune"
    assert found.problem == ""
    info = found.info
    assert (info.name, info.summary, info.tags) == ("digits", "Digits", ("a", "b"))
    assert info.directions == ("maximize", "minimize")
    assert info.metric_names == ("accuracy", "size")
    assert (info.sampler, info.pruner) == ("random", "none")
    assert info.space == {
        "lr": FloatParam(1e-5, 0.1, log=True),
        "depth": IntParam(2, 8),
        "kind": ChoiceParam(("a", None, 3)),
    }


@pytest.mark.parametrize(
    ("imported", "decorator"),
    [
        ("import hptui", "@hptui.objective(name='x')"),
        ("import hptui as h", "@h.objective(name='x')"),
        ("from hptui import objective", "@objective(name='x')"),
        ("from hptui import objective as tunable", "@tunable('x')"),
        ("from hptui.registry.decorator import objective", "@objective('x')"),
    ],
)
def test_the_decorator_is_recognised_however_it_was_imported(imported: str, decorator: str) -> None:
    found = _only(f"{imported}\n{decorator}\ndef fit(t):\n    return 1\n")
    assert (found.decorated, found.info.name) == (True, "x")


def test_a_decorator_of_the_same_name_from_elsewhere_is_not_ours() -> None:
    source = "from lib import objective as tunable\nfrom hptui import Float\n"
    source += "@tunable(name='x')\ndef fit(t):\n    return 1\n"
    assert _names(source) == []


def test_arguments_that_are_not_literals_are_taken_as_not_given() -> None:
    found = _only("""
        from hptui import objective
        TAGS = make_tags()

        @objective(name="x", tags=TAGS, **more)
        def tune(trial):
            return 1
        """)
    assert (found.info.name, found.info.tags, found.problem) == ("x", (), "")


@pytest.mark.parametrize(
    ("decorator", "reason"),
    [
        ("@objective", "parentheses"),
        ("@objective(direction='up')", "'up'"),
        ("@objective(colour='red')", "colour"),
        ("@objective(direction='minimize', directions=['minimize'])", "not both"),
        ("@objective(space={'lr': Float(2, 1)})", "low"),
    ],
)
def test_a_decorator_that_would_be_refused_is_a_problem_with_its_line(
    decorator: str, reason: str
) -> None:
    source = f"from hptui import Float, objective\n\n{decorator}\ndef tune(trial):\n    return 1\n"
    problem = _only(source).problem
    assert "line 3" in problem
    assert reason in problem


def test_plain_functions_are_told_by_their_name_or_first_parameter() -> None:
    assert _names("""
        def objective(t): return 1
        def by_name(trial): return 1
        def by_annotation(t: optuna.trial.Trial): return 1
        def by_text(t: "optuna.Trial"): return 1
        def with_default(trial, folds=3): return 1
        small = lambda trial: 1
        def callback(study, trial): return 1
        def needs_data(trial, rows): return 1
        def prints(trial): print(trial)
        def _private(trial): return 1
        async def later(trial): return 1
        other = lambda x: 1
        """) == ["objective", "by_name", "by_annotation", "by_text", "with_default", "small"]


def test_a_function_that_another_one_calls_with_the_trial_is_its_helper() -> None:
    assert _names("""
        def build(trial): return trial.suggest_int("n", 1, 3)
        def train(trial): return build(trial)
        def main(): return train(None)
        """) == ["train"]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(t): return t.suggest_int('a', 1, 2)\ndef g(t): return 1", ["f"]),
        ("f = lambda t: t.suggest_float('x', 0, 1)", ["f"]),
        ("def f(t): return 1\nif __name__ == '__main__': study.optimize(f, n_trials=3)", ["f"]),
        ("def objective(optuna_trial: optuna.trial.Trial): return 1", ["objective"]),
        ("def _run(trial, n): return n\nsmall = partial(_run, n=3)", ["small"]),
        ("def _run(n, trial): return n\nsmall = functools.partial(_run, 3)", ["small"]),
        ("class T:\n    @staticmethod\n    def fit(trial): return 1", ["T.fit"]),
        ("class T:\n    def objective(self, t): return 1\n    def other(self): ...",
         ["T.objective"]),
        ("class T:\n    @staticmethod\n    def fit(trial): return 1\n"
         "def objective(trial): return 1", ["objective"]),
        ("class T:\n    def objective(self, t): return 1\ndef run(trial, n): return 1", []),
    ],
)  # fmt: skip
def test_objectives_are_found_by_what_they_do(source: str, names: list[str]) -> None:
    assert _names(source) == names


def test_the_docstrings_first_line_is_the_summary() -> None:
    assert _only('def objective(trial):\n    """\n    One.\n\n    Two."""\n').info.summary == "One."


def test_an_objective_that_cannot_be_called_with_a_trial_says_so() -> None:
    assert "async" in _only("async def objective(trial): return 1").problem
    assert "no trial" in _only("def objective(): return 1").problem


def test_classes_with_call_are_listed_by_their_instances_or_by_themselves() -> None:
    assert _names("""
        class Base:
            def __call__(self, trial): return 1
        class Tuned(Base):
            '''A tuned one.'''
        class NeedsData:
            def __init__(self, rows): ...
            def __call__(self, trial): return 1
        class Other:
            def __call__(self, number): return 1
        class WithInstance:
            def __call__(self, trial): return 1
        wide = WithInstance()
        fitted = NeedsData([1, 2])
        """) == ["Base", "Tuned", "wide", "fitted"]


def test_what_is_called_objective_counts_however_it_came_about() -> None:
    assert _names("from lib.train import objective") == ["objective"]
    assert _names("objective = functools.partial(train, rows=3)") == ["objective"]
    assert _names("from hptui import objective") == []
    assert _names("objective = 'reg:squarederror'") == []


def test_only_what_runs_on_import_counts() -> None:
    assert _names("""
        try:
            import torch
        except ImportError:
            def objective(trial): return 1
        if FAST:
            def quick(trial): return 1
        if __name__ == "__main__":
            def never(trial): return 1
        def outer():
            def inner(trial): return 1
        """) == ["objective", "quick"]


def test_the_files_own_study_says_which_way_is_better() -> None:
    script = """
        def objective(trial): return 1
        if __name__ == "__main__":
            study = optuna.create_study({})
            study.optimize(objective)
        """
    assert _only(script.format('direction="maximize"')).info.directions == ("maximize",)
    two = _only(script.format('directions=["maximize", "minimize"]'))
    assert two.info.directions == ("maximize", "minimize")
    assert "line 4" in _only(script.format("direction=DIRECTION")).info.doubt


def test_a_study_speaks_for_the_function_that_it_optimises() -> None:
    first, second = _read("""
        def first(trial): return 1
        def second(trial): return 1
        study = optuna.create_study(direction="maximize")
        study.optimize(lambda trial: second(trial), n_trials=3)
        """)
    assert first.info.directions == ("minimize",)
    assert second.info.directions == ("maximize",)


def test_studies_that_disagree_leave_it_open() -> None:
    found = _only("""
        def objective(trial): return 1
        a = optuna.create_study(direction="maximize")
        b = optuna.create_study(direction="minimize")
        """)
    assert "maximize (line 3); minimize (line 4)" in found.info.doubt


@pytest.mark.parametrize(
    "source",
    [
        b"def objective(trial:\n",
        b"\x00\x01\x02",
        b"\xff\xfe",
        b"x = " + b"(" * 5000,
        b"-" * 100_000,
    ],
)
def test_what_is_not_python_is_refused_with_a_sentence(source: bytes) -> None:
    with pytest.raises(ObjectiveError, match=r"train\.py"):
        candidates_in(source, FILE)


def test_a_syntax_error_names_its_line() -> None:
    with pytest.raises(ObjectiveError, match=r"train\.py, line 3: "):
        candidates_in(b"x = 1\ny = 2\ndef (:\n", FILE)


def test_an_invalid_escape_is_no_reason_to_complain() -> None:
    assert _names(r"PATTERN = '\d'" + "\ndef objective(trial): return 1") == ["objective"]


def test_only_regular_files_of_a_sane_size_are_read(tmp_path: Path) -> None:
    with pytest.raises(ObjectiveError, match="No such file"):
        read_source(tmp_path / "none.py")
    with pytest.raises(ObjectiveError, match="not a file"):
        read_source(tmp_path)
    pipe = tmp_path / "pipe.py"
    os.mkfifo(pipe)
    with pytest.raises(ObjectiveError, match="not a file"):
        read_source(pipe)
    big = tmp_path / "big.py"
    with big.open("wb") as stream:
        stream.truncate(MAX_SOURCE_BYTES + 1)
    with pytest.raises(ObjectiveError, match="too many"):
        read_source(big)


GUARDED = '\nif __name__ == "__main__":\n    args = parse()\n'


@pytest.mark.parametrize(
    ("source", "who"),
    [
        ("def objective(trial):\n    return args.width", "line 2: objective"),
        ("def objective(trial):\n    if trial.number > args.n and 1: pass\n    return 1", "line 2"),
        ("def width(): return args.width\ndef objective(trial): return width()", "line 1: width"),
        ("objective = lambda trial: args.width", "line 1: the lambda"),
        ("class Objective:\n    def __call__(self, trial): return args.width", "line 2: Objective"),
        (
            "class Tune:\n    def __call__(self, trial): return args.width\nobjective = Tune()",
            "line 2: Tune",
        ),
        (
            "import hptui\n@hptui.objective()\ndef tune(trial): return args.width",
            "line 3: tune",
        ),
        ("def objective(trial):\n    for _ in range(args.n): pass\n    return 1", "line 2"),
    ],
)
def test_a_name_that_only_the_main_guard_sets_is_a_problem(source: str, who: str) -> None:
    found = _only(source + GUARDED)
    sentence = 'uses `args`, which is set only under `if __name__ == "__main__":`'
    assert found.problem.startswith(who)
    assert sentence in found.problem
    assert "Set args at the top level" in found.hint


@pytest.mark.parametrize(
    "source",
    [
        "args = None\ndef objective(trial): return args",
        "from lab import args\ndef objective(trial): return args",
        "from lab import *\ndef objective(trial): return args",
        "try:\n    args = read()\nexcept OSError: pass\ndef objective(trial): return args",
        "def objective(trial, args=None): return args",
        "def objective(trial):\n    args = make()\n    return args",
        "def objective(trial):\n    from lab import args\n    return args",
        "def objective(trial): return [args for args in range(3)]",
        "def objective(trial): return trial.args",
        "def objective(trial):\n    try: return args.n\n    except NameError: return 1",
        "def objective(trial): return args.n if 'args' in globals() else 1",
        "def objective(trial):\n    if DEBUG: print(args)\n    return 1",
        "def objective(trial):\n    late = lambda: args\n    return 1",
        "def objective(trial): return other(trial)\ndef unused(): return args",
        "def start():\n    global args\n    args = 1\nstart()\ndef objective(trial): return args",
        "globals().update(args=1)\ndef objective(trial): return args",
        "args: int\ndef args(): return 1\ndef objective(trial): return args()",
    ],
)
def test_a_name_that_may_be_set_otherwise_is_no_problem(source: str) -> None:
    (problem,) = [each.problem for each in _read(source + GUARDED) if each.attribute == "objective"]
    assert problem == ""


def test_what_the_guard_leaves_to_an_import_is_set() -> None:
    source = "def objective(trial): return args" + GUARDED + "else:\n    args = None\n"
    assert _only(source).problem == ""
    source = GUARDED.replace("args", "max") + "def objective(trial): return max(1, 2)"
    assert _only(source).problem == ""

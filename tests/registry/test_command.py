"""Commands: their holes, how values are spelled in them, files, and what is refused."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hptui.domain.objective import ObjectiveRef
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam, ParamSpec
from hptui.errors import HptuiError, ObjectiveError, SpaceError
from hptui.registry import known_code
from hptui.registry.catalogue import find_objectives, found_command, resolve, shown_name
from hptui.registry.commands.command import CommandSpec
from hptui.registry.commands.command_words import Words, parse_space
from hptui.registry.commands.typed_command import is_command, typed_command, typed_text
from hptui.registry.probing.probe import probe
from hptui.registry.same_objective import is_same_objective, resolved_file, source_sha

if TYPE_CHECKING:
    from collections.abc import Mapping


def command(*words: str, **fields: Any) -> CommandSpec:
    given: dict[str, Any] = {"metrics": ("loss",), **fields}
    return CommandSpec(words=words, **given)


SPACES: list[tuple[str, ParamSpec]] = [
    ("1..4", IntParam(1, 4)),
    ("-2..+4", IntParam(-2, 4)),
    ("2..12:step=2", IntParam(2, 12, step=2)),
    ("1..1000:log", IntParam(1, 1000, log=True)),
    ("1e-5..1e-1:log", FloatParam(1e-5, 1e-1, log=True)),
    ("0..1:float", FloatParam(0, 1)),
    ("0.0..1.0", FloatParam(0, 1)),
    ("0..1:step=0.25", FloatParam(0, 1, step=0.25)),
    ("1..1e3:linear", FloatParam(1, 1000)),
    (".1...5", FloatParam(0.1, 0.5)),
    ("adam|sgd|none", ChoiceParam(("adam", "sgd", None))),
    ("16|32", ChoiceParam((16, 32))),
    ("true|false", ChoiceParam((True, False))),
    ('"1"|"a|b"', ChoiceParam(("1", "a|b"))),
    ("[64,32]|[128]", ChoiceParam(([64, 32], [128]))),
    ("../data|../other", ChoiceParam(("../data", "../other"))),
    ("a..b", ChoiceParam(("a..b",))),
    ("http://x:80/|b", ChoiceParam(("http://x:80/", "b"))),
]


@pytest.mark.parametrize(("text", "spec"), SPACES, ids=lambda each: str(each)[:30])
def test_a_space_is_read_from_its_spelling(text: str, spec: ParamSpec) -> None:
    found = parse_space("x", text).spec
    assert (found, type(found)) == (spec, type(spec))


RENDERED: list[tuple[str, Mapping[str, Any], str]] = [
    ("p {x=0..1:float}", {"x": 0.1}, "p 0.1"),
    ("p --lr={x=1e-9..1:log}!", {"x": 1.2345678901234567e-05}, "p --lr=1.2345678901234568e-05!"),
    ("p {x=1..4}{x}-{x}", {"x": 3}, "p 33-3"),
    ("p {{x}} {{{x=1..4}}}", {"x": 3}, "p {x} {3}"),
    ("p -{x=a|b}- {y=1..2}", {"x": "b", "y": 2}, "p -b- 2"),
    ("p {x=none|1e-3|True|0.10}", {"x": None}, "p none"),
    ("p {x=none|1e-3|True|0.10}", {"x": 0.001}, "p 1e-3"),
    ("p {x=none|1e-3|True|0.10}", {"x": True}, "p True"),
    ("p {x=none|1e-3|True|0.10}", {"x": 0.1}, "p 0.10"),
    ("p '{x=[64, 32]|[1]}'", {"x": [64, 32]}, "p '[64, 32]'"),
    ("""p '{x={"a": 1}|{"a": 2}}'""", {"x": {"a": 2}}, """p '{"a": 2}'"""),
    ("p {amp?--amp} q", {"amp": True}, "p --amp q"),
    ("p {amp?--amp} q", {"amp": False}, "p q"),
    ("p a{amp?b}c {amp}", {"amp": False}, "p ac false"),
    ("p {model.lr=0..1:float} {a-b=1..2} {a/b=1..2}", {"model.lr": 0.5, "a-b": 1, "a/b": 2},
     "p 0.5 1 2"),
    ("p '' {x=1..2}", {"x": 1}, "p '' 1"),
    ("sh -c 'echo loss={x=1..2} > {trial_dir}/out'", {"x": 1}, "sh -c 'echo loss=1 > /t/out'"),
    ("p {trial} {seed} {study} {x=1..2}", {"x": 1}, "p 7 5 s 1"),
    ("p {params} {x=1..2}", {"x": 1}, """p '{"x": 1}' 1"""),
    ("p {x=-3..3}", {"x": -2}, "p -2"),
    ("p {é=1..2}", {"é": 1}, "p 1"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "values", "expected"), RENDERED, ids=lambda each: str(each)[:40])
def test_a_hole_in_any_place_of_a_word_is_filled(
    words: str, values: Mapping[str, Any], expected: str
) -> None:
    spec = command(*shlex.split(words))
    assert list(spec.spaces) == list(values)
    macros = {"trial": "7", "seed": "5", "study": "s", "trial_dir": "/t"}
    macros["params"] = json.dumps(dict(values))
    texts = {name: space.text_of(values[name]) for name, space in spec.spaces.items()}
    assert spec.template.render(values, texts | macros) == shlex.split(expected)
    again = CommandSpec.from_json(spec.to_json())
    assert again == spec


def test_all_parameters_without_a_place_go_into_args_and_overrides() -> None:
    space = {"lr": "0..1:float", "opt": "adam|sgd"}
    values = {"lr": 0.5, "opt": "sgd"}
    texts = {"lr": "0.5", "opt": "sgd"}

    def rendered(*words: str) -> list[str]:
        return command(*words, space=space).template.render(values, texts)

    assert rendered("p", "{args}") == ["p", "--lr=0.5", "--opt=sgd"]
    assert rendered("p", "{overrides}", "x") == ["p", "lr=0.5", "opt=sgd", "x"]
    assert rendered("p", "-l", "{lr}", "{args}") == ["p", "-l", "0.5", "--opt=sgd"]
    assert rendered("sh", "-c", "p {args}") == ["sh", "-c", "p --lr=0.5 --opt=sgd"]


REFUSED: list[tuple[list[str], str]] = [
    ([], "There is no command to run"),
    ([""], "There is no command to run"),
    (["p", "{lr}"], "does not say which values 'lr' may have"),
    (["p", "{lr=}"], "Parameter 'lr' has no space"),
    (["p", "{lr=1..}"], "needs both bounds"),
    (["p", "{lr=..1}"], "needs both bounds"),
    (["p", "{lr=1e-5..x:log}"], "'x' is not a number"),
    (["p", "{lr=2..1}"], "low must not be above high"),
    (["p", "{lr=0..1:log}"], "needs low >= 1"),
    (["p", "{lr=1..2:cubic}"], "'cubic' is not valid"),
    (["p", "{lr=1..2:step=x}"], "'x' is not a number"),
    (["p", "{lr=nan..1}"], "finite"),
    (["p", "{lr=a||b}"], "empty choice"),
    (["p", "{lr=a|a}"], "is listed twice"),
    (["p", "{lr=1..2}", "{lr=1..3}"], "declares 'lr' twice"),
    (["p", "{lr"], "is not closed"),
    (["p", "lr}"], "has no opening one"),
    (["p", "{}"], "names no parameter"),
    (["awk", "{print $1}"], "names no parameter"),
    (["p", "{1x=1..2}"], "names no parameter"),
    (["p", "{seed=1..2}"], "cannot be a parameter"),
    (["p", "{amp?}"], "no word to add or leave out"),
    (["p", "{amp?--amp}", "{amp=1..2}"], "it has no range"),
    (["p", "a\0b"], "NUL"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=lambda each: str(each)[:40])
def test_what_cannot_be_read_is_refused_with_what_is_wrong(words: list[str], message: str) -> None:
    with pytest.raises((ObjectiveError, SpaceError)) as refused:
        command(*words)
    assert message in refused.value.message
    assert refused.value.hint or "NUL" in message or "twice" in message or "range" in message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"metrics": ()}, "Which of the printed numbers"),
        ({"metrics": ("a", "a")}, "is given twice"),
        ({"metrics": ("-", "a")}, "must be the only metric"),
        ({"directions": ("minimize",) * 2}, "1 metrics and 2 directions"),
        ({"regexes": ("(",)}, "cannot be read"),
        ({"regexes": ("loss",)}, "has no group"),
        ({"regexes": ("(a)", "(b)")}, "1 metrics and 2 expressions"),
        ({"grace_s": -1.0}, "The grace is"),
        ({"grace_s": float("nan")}, "The grace is"),
        ({"space": {"z": "1..2"}}, "has no place for z"),
    ],
)
def test_how_it_is_read_is_checked_too(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(HptuiError) as refused:
        command("p", "{x=1..2}", **fields)
    assert message in refused.value.message


FILE = """
command = ["{python}", "train.py", "--lr", "{{lr}}", "{{args}}"]
metric = ["loss", "latency"]
direction = ["minimize", "maximize"]
metric_take = "min"
grace = "3s"
pty = true
env = {{ A = "b" }}
summary = "A net"
[space]
lr = "1e-5..1e-1:log"
opt = ["adam", "sgd|x", 3]
"""


def test_a_file_describes_a_command_and_is_listed_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("print(1)\n")
    folder = tmp_path / "objectives"
    folder.mkdir()
    (folder / "fit.toml").write_text(FILE.format(python=sys.executable))
    (folder / "text.toml").write_text('command = "nosuch {x=1..2}"\nmetric = "-"\n')
    broken = {
        "a": "command = [",
        "b": 'metric = "x"',
        "c": 'command = ["p"]\nmetric = 3',
        "d": 'command = ["p"]\nmetric = "x"\nmetrik = "y"',
        "e": 'command = ["p", 3]\nmetric = "x"',
        "f": 'command = ["p"]\nmetric = "x"\ndirection = "up"',
        "g": 'command = ["p"]\nmetric = "x"\n[space]\nlr = 3',
        "h": 'command = ["p"]\nmetric = "x"\n[env]\n"A=B" = "x"',
    }
    for name, text in broken.items():
        (folder / f"{name}.toml").write_text(text)

    listed = {each.ref.name: each for each in find_objectives() if each.origin == "command"}
    assert set(listed) == {"fit", "text", *broken}
    assert all(listed[name].problem for name in broken)
    assert [listed[name].problem for name in "bcd"] == [
        "b.toml has no command",
        "c.toml: metric cannot be 3",
        "d.toml: 'metrik' is not known",
    ]
    assert listed["text"].problem == "there is no program nosuch"
    found = listed["fit"]
    assert (found.problem, found.info.summary) == ("", "A net")
    assert found.info.directions == ("minimize", "maximize")
    assert found.info.space["opt"] == ChoiceParam(("adam", "sgd|x", 3))
    spec = CommandSpec.of(found.ref)
    assert (spec.grace_s, spec.pty, spec.take, spec.env) == (3.0, True, "min", {"A": "b"})
    for typed in ("fit", "fit.toml", "objectives/fit.toml"):
        assert resolve(typed, tmp_path).ref.target == found.ref.target
    assert resolved_file(found.ref) == str(tmp_path / "train.py")
    with pytest.raises(ObjectiveError, match="holds one command"):
        resolve("fit.toml:other", tmp_path)

    # Edited, it is the same objective; its source and its agreement are not.
    before = source_sha(found.ref)
    path = folder / "fit.toml"
    path.write_text(path.read_text().replace("{args}", '--epochs", "3", "{args}'))
    edited = resolve("fit", tmp_path).ref
    assert is_same_objective(found.ref, edited)
    assert source_sha(edited) != before
    (tmp_path / "train.py").write_text("print(2)\n")
    assert source_sha(found.ref) != before


def test_ranges_and_folders_do_not_make_another_command_but_words_do(tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    words = ("python", "train.py", "--lr", "{lr=0..1:float}")
    one = command(*words, cwd=str(tmp_path)).to_ref()

    def same(*others: str, **fields: Any) -> bool:
        now = command(*others, **{"cwd": str(tmp_path), **fields}).to_ref()
        return is_same_objective(one, now, file=resolved_file(one))

    assert same(*words)
    assert same(*words[:-1], "{lr=0..2:float}")
    assert same(*words[:-1], "{lr}", space={"lr": "0..2:float"})
    assert same(*words, directions=("maximize",), grace_s=1.0)
    assert not same(*words[:-1], "{rate=0..1:float}")
    assert not same(*words, "--epochs", "3")
    assert not same(*words, metrics=("accuracy",))
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "train.py").write_text("other\n")
    assert not same(*words, cwd=str(tmp_path / "copy"))
    assert not is_same_objective(one, ObjectiveRef("file", "/x/train.py", "", "train"))


TYPED = [
    ("--metric loss -- p {x=1..2}", ("p", "{x=1..2}"), ("loss",)),
    ("--metric=a --metric b --pty --grace 2s -- p {x=1..2}", ("p", "{x=1..2}"), ("a", "b")),
    ("--metric - -- sh -c 'echo {x=1..2}'", ("sh", "-c", "echo {x=1..2}"), ("-",)),
    ("--metric=-x -- p '{x=a b|c}'", ("p", "{x=a b|c}"), ("-x",)),
]


@pytest.mark.parametrize(("text", "words", "metrics"), TYPED)
def test_a_line_is_read_as_a_command_and_spelled_again(
    text: str, words: tuple[str, ...], metrics: tuple[str, ...], tmp_path: Path
) -> None:
    spec = typed_command(text, tmp_path)
    assert spec is not None
    assert (spec.words, spec.metrics, spec.cwd) == (words, metrics, str(tmp_path))
    assert typed_command(typed_text(spec, tmp_path), tmp_path) == spec
    elsewhere = typed_command(typed_text(spec, tmp_path / "other"), tmp_path / "other")
    assert elsewhere == spec


def test_what_is_declared_outside_the_command_is_spelled_with_it(tmp_path: Path) -> None:
    space = {"lr": "0..1:float", "opt": "a|b", "n": "1..2"}
    spec = command("p", "{n}", "{args}", space=space, cwd=str(tmp_path), directions=("maximize",))
    text = typed_text(spec, tmp_path)
    assert (
        text == "--metric loss --space lr=0..1:float --choices 'opt=a|b' -- p '{n=1..2}' '{args}'"
    )
    again = typed_command(text, tmp_path)
    assert again is not None
    assert {name: each.spec for name, each in again.spaces.items()} == {
        name: each.spec for name, each in spec.spaces.items()
    }
    assert is_same_objective(spec.to_ref(), again.to_ref())
    assert "--direction" in spec.options(tmp_path)


def test_other_lines_are_no_commands(tmp_path: Path) -> None:
    for text in ("train.py", "train.py:objective", "digits-mlp", "./a b.py", "pkg.mod:f"):
        assert typed_command(text, tmp_path) is None
    for text in ("-- p", "p {x=1..2}", "--metrix x -- p", "--metric", "--metric a -- 'p"):
        assert is_command(text)
        with pytest.raises(HptuiError):
            typed_command(text, tmp_path)


def test_a_program_that_is_not_there_is_known_before_it_runs(tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    (tmp_path / "run").touch(mode=0o755)

    def problem(*words: str, **fields: Any) -> str:
        spec = command(*words, cwd=str(tmp_path), **fields)
        assert found_command(spec).problem == spec.problem()[0]
        return " | ".join(filter(None, spec.problem()))

    assert problem("sh", "-c", "x") == problem("./run") == problem("{p=sh|bash}") == ""
    assert problem("python3", "train.py") == problem("python3", "-c", "x") == ""
    assert "there is no program nosuch" in problem("nosuch")
    assert "write ./train.py" in problem("train.py")
    assert "is not executable | Name its interpreter" in problem("./train.py")
    assert "does not exist" in problem("./nosuch")
    assert "is a folder" in problem("/")
    assert "there is no file nosuch.py" in problem("python3", "nosuch.py")
    assert "no program sh" in problem("sh", env={"PATH": str(tmp_path)})


def test_a_command_is_called_like_what_it_tunes(tmp_path: Path) -> None:
    (tmp_path / "fit.py").touch()
    (tmp_path / "data.csv").touch()
    for words, name in {
        "python3 train.py {x=1..2}": "train",
        "python3 -m pkg.train": "train",
        "uv run fit.py --data data.csv": "fit",
        "./fit.py": "fit",
        "/opt/bin/solve data.csv": "solve",
        "sh -c 'solve {x=1..2}'": "sh",
        "{p=a|b} x": "{p=a|b}",
    }.items():
        assert command(*shlex.split(words), cwd=str(tmp_path)).info().name == name


def test_a_command_that_only_a_study_names_is_asked_about_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    study = tmp_path / "s.db"

    def asked(spec: CommandSpec) -> bool:
        return known_code.unknown_code(spec.to_ref(), study, "s") is not None

    typed = command("sh", "-c", "p {x=a|b}", cwd=str(tmp_path))
    assert asked(typed)
    known_code.note_run(typed.to_ref("whatever"), tmp_path)
    assert not asked(typed)
    # A shell gets the choices, a variable may load code, a folder holds the files.
    assert asked(command("sh", "-c", "p {x=a|; rm -r ~}", cwd=str(tmp_path)))
    assert asked(command(*typed.words, cwd="/tmp"))
    assert asked(command(*typed.words, cwd=str(tmp_path), env={"LD_PRELOAD": "x"}))

    path = tmp_path / "fit.toml"
    path.write_text('command = ["sh", "-c", "p {x=a|b}"]\nmetric = "loss"\n')
    of_file = CommandSpec.from_file(path, tmp_path)
    known_code.note_run(of_file.to_ref(), tmp_path)
    path.write_text('command = ["sh", "-c", "q {x=a|b}"]\nmetric = "loss"\n')
    edited = CommandSpec.from_file(path, tmp_path)
    assert not asked(edited)
    # Who names the file does not say what is in it.
    evil = command("sh", "-c", "evil", file=str(path), cwd=str(tmp_path))
    assert asked(evil)
    assert asked(CommandSpec.from_file(path, Path("/tmp")))


def test_a_command_of_a_study_is_checked_before_it_is_used() -> None:
    for target in ("", "[]", "{}", '{"words": "rm"}', '{"words": ["a"], "metrics": [1]}', "[" * 9):
        ref = ObjectiveRef("command", target, "", "x")
        with pytest.raises(ObjectiveError):
            CommandSpec.of(ref)
        assert "damaged" in shown_name(ref)
        assert resolved_file(ref) == ""
    known = command("p", "{x=1..2}").to_ref()
    # Nothing is run to find what is declared.
    assert probe(known).complete
    assert ObjectiveRef.from_json(known.to_json()) == known
    assert Words.read(CommandSpec.of(known).words).names == ("x",)

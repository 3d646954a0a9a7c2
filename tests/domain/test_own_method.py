"""Which texts name a class of the person's own, and which a method of the tables."""

from __future__ import annotations

import pytest

from hptui.domain.methods.asked_methods import method_of, parse_pruner, parse_sampler
from hptui.domain.methods.auto_sampler import choose_sampler
from hptui.domain.methods.options import MethodSpec
from hptui.domain.methods.own_method import is_own
from hptui.domain.spaces.space import ChoiceParam, FloatParam
from hptui.errors import OptionError


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("mine.py:My", "mine.py:My", {}),
        ("a b/mine.py:My:width=3,kind=fast", "a b/mine.py:My", {"width": "3", "kind": "fast"}),
        ("pkg.mod:My(width=[1,2],f=g(x))", "pkg.mod:My", {"width": "[1,2]", "f": "g(x)"}),
        ("mod:My", "mod:My", {}),
        ("hub:samplers/auto_sampler", "hub:samplers/auto_sampler", {}),
        ("hub:samplers/auto:Cls:x=1", "hub:samplers/auto:Cls", {"x": "1"}),
        ("hub:samplers/auto:x=1", "hub:samplers/auto", {"x": "1"}),
    ],
)
def test_a_class_of_ones_own(text: str, name: str, options: dict[str, str]) -> None:
    for parse in (parse_sampler, parse_pruner):
        spec = parse(text)
        assert (spec.name, spec.given()) == (name, options)
        assert parse(str(spec)) == spec
    assert is_own(name)
    assert method_of("sampler", parse_sampler(text)).name == name


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tpe:group", "group has no value"),
        ("TPE:foo", "no option 'foo'"),
        ("foo:bar=1", "no sampler 'foo'"),
        ("mine.py", "no sampler 'mine.py'"),
        ("mine.py:My:width", "'width' is not NAME=VALUE"),
        ("mine.py:My:a=1,a=2", "a is given twice"),
        ("nsgaii:crossover=mine.py:My", "no crossover"),
    ],
)
def test_what_is_none_is_told(text: str, sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        parse_sampler(text)


FLOATS = {name: FloatParam(0, 1) for name in "abcd"}
CHOICES = {name: ChoiceParam(("u", "v")) for name in "abcd"}


@pytest.mark.parametrize(
    ("space", "n_objectives", "n_trials", "has_gp", "name"),
    [
        (FLOATS, 1, 60, True, "gp"),
        (FLOATS, 1, 60, False, "tpe"),
        (FLOATS, 1, 1_000, True, "tpe"),
        (FLOATS, 1, None, True, "tpe"),
        (CHOICES, 1, 60, True, "tpe"),
        ({}, 1, 60, True, "tpe"),
        ({f"p{n}": FloatParam(0, 1) for n in range(30)}, 1, 60, True, "tpe"),
        (FLOATS, 2, 60, True, "gp"),
        (FLOATS, 2, 5_000, True, "nsgaii"),
        (FLOATS, 2, None, True, "nsgaii"),
    ],
)
def test_auto_chooses_and_says_why(
    space: dict[str, FloatParam | ChoiceParam],
    n_objectives: int,
    n_trials: int | None,
    has_gp: bool,
    name: str,
) -> None:
    spec, reason = choose_sampler(
        space, n_objectives=n_objectives, n_trials=n_trials, has_gp=has_gp
    )
    assert isinstance(spec, MethodSpec)
    assert spec.name == name
    assert reason.startswith(f"auto chose {name}: ")

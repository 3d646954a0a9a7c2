"""What a line of a drive script means, and what is said of one that means nothing."""

from __future__ import annotations

import pytest

from hptui.errors import UsageError
from hptui.ui.driving.drive_script import (
    STEP_HELP,
    Action,
    Click,
    Drag,
    Press,
    Resize,
    Screenshot,
    Step,
    Type,
    Wait,
    read_script,
)


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("press n", Press(("n",))),
        ("press ctrl+p F5 ? esc", Press(("ctrl+p", "f5", "question_mark", "escape"))),
        ("type digits-mlp", Type("digits-mlp")),
        ('type " a b "', Type(" a b ")),
        ('wait "running"', Wait("running", 10.0, is_wanted=True)),
        ("wait running 500ms", Wait("running", 0.5, is_wanted=True)),
        ('wait-not "x y" 2m', Wait("x y", 120.0, is_wanted=False)),
        ('expect "best"', Wait("best", 2.0, is_wanted=True)),
        ("expect-not best", Wait("best", 2.0, is_wanted=False)),
        ('expect "best" 5s', Wait("best", 5.0, is_wanted=True)),
        ("screenshot a.svg", Screenshot("a.svg")),
        ('screenshot "a b.txt"', Screenshot("a b.txt")),
        ("size 80x24", Resize(80, 24)),
        ("click 10 3", Click(10, 3)),
        ("drag 10 3 0 20", Drag(Click(10, 3), Click(0, 20))),
    ],
)
def test_each_step(line: str, action: Action) -> None:
    assert read_script(f"\n# a comment\n   {line}  \n") == (Step(3, line, action),)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("fly away", "there is no step 'fly'"),
        ("press", "press needs a key"),
        ("press nn", "there is no key 'nn'"),
        ("type", "type needs a text"),
        ("wait", "quote a text that has blanks"),
        ('wait ""', "quote a text that has blanks"),
        ('wait "x', "quotation mark"),
        ("wait x soon", "not a duration"),
        ("wait x 2h", "an hour at most"),
        ("expect a b c", "quote a text that has blanks"),
        ("expect a b", "not a duration"),
        ("screenshot a.png", ".svg or .txt"),
        ("size 80", "not a size"),
        ("size 0x10", "not a size"),
        ("size 9999x10", "not a size"),
        ("click 3", "a column and a row"),
        ("drag 1 2 3", "two cells"),
        ("click -1 3", "a column and a row"),
        ("\x1b[31m", "there is no step"),
    ],
)
def test_a_line_that_is_no_step_is_named(line: str, says: str) -> None:
    with pytest.raises(UsageError, match=r"^Line 2: ") as caught:
        read_script(f"press n\n{line}\npress q")
    assert says in caught.value.message
    assert "\x1b" not in caught.value.message


def test_the_help_names_each_step() -> None:
    forms = [form.split()[0] for form, _ in STEP_HELP]
    assert len(forms) == len(set(forms)) == 10

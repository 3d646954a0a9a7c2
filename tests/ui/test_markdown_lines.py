"""Markdown of notes as lines: laid out, and harmless whatever it holds."""

from __future__ import annotations

import time

import pytest

from hptui.ui.widgets.markdown_lines import MAX_CHARS, Line, markdown_lines

NOTE = """# Why *this*
Some **bold**, `code` and [a link](http://x.y/z)
in two lines
- one
- two
  - below **it**

7. seven
8. eight

> said
> so

```python
def f():
\treturn 1
```

| a | longer |
|---|--------|
| **x** | y |

---
~~gone~~ <http://x.y>
"""


def texts(lines: tuple[Line, ...]) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def roles(lines: tuple[Line, ...]) -> dict[str, str]:
    return {text: role for line in lines for text, role in line}


def test_a_note_is_laid_out() -> None:
    lines = markdown_lines(NOTE)
    assert texts(lines) == [
        "Why this",
        "",
        "Some bold, code and a link http://x.y/z",
        "in two lines",
        "",
        "- one",
        "- two",
        "  - below it",
        "",
        "7. seven",
        "8. eight",
        "",
        "│ said",
        "│ so",
        "",
        "  def f():",
        "      return 1",
        "",
        "a  longer",
        "x  y",
        "",
        "─" * 24,
        "",
        "gone http://x.y",
    ]
    found = roles(lines)
    assert {found[text] for text in ("Why ", "bold", "it", "longer", "x")} == {"strong"}
    assert (found["code"], found["def f():"], found["a link"]) == ("code", "code", "link")
    assert (found[" http://x.y/z"], found["gone"], found["http://x.y"]) == ("note", "note", "link")


def test_what_has_no_marks_stays_as_it_is() -> None:
    assert markdown_lines("") == ()
    assert texts(markdown_lines("new")) == ["new"]
    assert texts(markdown_lines("1\n\n\n2")) == ["1", "", "2"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("&#27;[31mred &#x9b;x &#x202e;gnp", "�[31mred �x \\u202egnp"),
        ("<script>x</script>", "<script>x</script>"),
        ("[@click=app.quit]x[/]", "[@click=app.quit]x[/]"),
        ("[x](javascript:quit)", "[x](javascript:quit)"),
        ("[x](<a b\u202e>)", "x a%20b%E2%80%AE"),
        ("![cat](http://x/cat.png)", "cat http://x/cat.png"),
        ("```\n\x07\n```", "  \\x07"),
    ],
)
def test_nothing_of_it_reaches_the_terminal_but_text(text: str, shown: str) -> None:
    assert texts(markdown_lines(text)) == [shown]


@pytest.mark.parametrize(
    "part", ["[", "[](", "![", "*a ", "> ", "- ", "|-", "`", "a\n", "<", "&#27;", "_*", "#" * 9]
)
def test_a_hostile_note_is_read_in_the_end(part: str) -> None:
    # Of this thread, however busy the machine is.
    began_s = time.thread_time()
    lines = markdown_lines(part * (5_000 // len(part)))
    assert time.thread_time() - began_s < 10.0
    assert all("\x1b" not in text for text in texts(lines))


def test_a_long_note_is_shown_as_it_is_written() -> None:
    long = "# not laid out\n" + "[" * MAX_CHARS + "\n\x1bend"
    lines = texts(markdown_lines(long))
    assert (lines[0], len(lines[1]), lines[2]) == ("# not laid out", MAX_CHARS, "\\x1bend")

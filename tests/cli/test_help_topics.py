"""`hptui help`: topics, pages, commands."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from hptui.cli.main import main
from hptui.cli.output.help_pages import for_terminal, pages_folder, topics

ROOT = Path(__file__).parents[2]


def test_topics_are_listed_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  exit-codes     Exit codes" in lines
    for title, pages in topics().items():
        assert f"{title}:" in lines
        for page in pages:
            assert any(line.split(maxsplit=1) == [page.topic, page.title] for line in lines)


def test_no_two_pages_have_one_topic() -> None:
    names = [page.topic for pages in topics().values() for page in pages]
    assert len(names) == len(set(names)) == len(list(pages_folder().rglob("*.md"))) - 1


@pytest.mark.parametrize("topic", [page.topic for pages in topics().values() for page in pages])
def test_a_page_has_nothing_that_a_terminal_cannot_follow(
    topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["help", topic]) == 0
    said = capsys.readouterr().out
    assert said.startswith("# ")
    assert not re.search(r"<!--|\]\(|\.svg\)", said)
    for other in re.findall(r"`hptui help ([a-z-]+)`", said):
        assert main(["help", other]) == 0, other
        capsys.readouterr()


def test_links_become_topics_and_pictures_go() -> None:
    page = (
        "See [keys](../reference/keys.md#studies), ![a picture](x.svg)[Optuna](https://optuna.org)"
    )
    assert for_terminal(page) == "See keys (`hptui help keys`), Optuna (https://optuna.org)"
    assert for_terminal("[the code](../ARCHITECTURE.md)") == "the code"


def test_a_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "fork"]) == 0
    assert capsys.readouterr().out.startswith("usage: hptui fork")


def test_what_is_no_topic_is_refused_with_what_may_be_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["help", "filter"]) == 2
    assert "There is no topic 'filter'" in (said := capsys.readouterr().err)
    assert "filters" in said


def test_the_terminal_shows_it_laid_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("PAGER", "cat")
    assert main(["help", "exit-codes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert not any(line.startswith(("#", "|")) for line in lines)
    assert max(map(len, lines)) <= 80
    assert any("no trial completed" in line for line in lines)


@pytest.mark.parametrize(
    ("pager", "n_lines", "is_paged"),
    [
        ("cat > shown.txt", 10, True),
        ("cat > shown.txt", 1_000, False),
        ("cat", 10, False),
        ("", 10, False),
        ("no-such-pager --here", 10, False),
    ],
)
def test_a_page_that_does_not_fit_goes_through_a_pager(
    pager: str,
    n_lines: int,
    is_paged: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("LINES", str(n_lines))
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("PAGER", pager)
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGINT)
    assert main(["help", "exit-codes"]) == 0
    printed = capsys.readouterr().out
    paged = tmp_path / "shown.txt"
    assert ("no trial completed" in printed) == (not is_paged)
    assert paged.exists() == is_paged
    if is_paged:
        assert "no trial completed" in paged.read_text("utf-8")
    assert signal.getsignal(signal.SIGINT) is before

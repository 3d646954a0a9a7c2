"""What libraries warn of is heard: each kind once, safe, and no more kinds than a person reads."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING

import optuna
import pytest

from hptui.engine.run.library_warnings import MAX_CHARS, MAX_KINDS, Heard

if TYPE_CHECKING:
    from collections.abc import Generator


def test_kinds_are_told_once_whatever_their_numbers() -> None:
    heard = Heard()
    for number in range(100):
        heard.add("optuna", f"Fixed parameter 'x' with value {number} is out of range")
    heard.add("optuna", "another")
    heard.add("other", "another")
    assert heard.take() == [
        "optuna: Fixed parameter 'x' with value 0 is out of range",
        "optuna: another",
        "other: another",
    ]
    assert heard.take() == []


def test_kinds_are_bounded_and_safe() -> None:
    heard = Heard()
    for letter in range(3 * MAX_KINDS):
        heard.add("a", f"kind {'z' * letter} \x1b]52;c;x\x07\n" + "long " * 1000)
    told = heard.take()
    assert len(told) == MAX_KINDS + 1
    assert "more than" in told[-1]
    assert all(len(line) < MAX_CHARS + 20 for line in told[:-1])
    assert not any(character in "".join(told) for character in "\x1b\x07\n")


@pytest.fixture
def optuna_speaks() -> Generator[None]:
    """Other tests may have silenced it."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.INFO)
    yield
    optuna.logging.set_verbosity(before)


@pytest.mark.usefixtures("optuna_speaks")
def test_warnings_and_loggers_are_heard_while_it_listens() -> None:
    heard = Heard()
    with warnings.catch_warnings(record=True) as others, heard.listening():
        warnings.simplefilter("always")
        warnings.warn("by warning", UserWarning, stacklevel=1)
        logging.getLogger("optuna.samplers").warning("by %s", "logger")
        logging.getLogger("elsewhere").error("as an error")
        logging.getLogger("elsewhere").info("no warning")
        logging.getLogger("hptui.engine").warning("our own")
    logging.getLogger("optuna").warning("too late")
    assert [line.partition(": ")[2] for line in heard.take()] == [
        "by warning",
        "by logger",
        "as an error",
    ]
    assert len(others) == 1, "others hear it, too"


def test_a_message_that_cannot_be_formatted_does_not_end_whoever_logs_it() -> None:
    heard = Heard()

    class Odd:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    for text, args in (("number %d", ("a",)), ("%s", (Odd(),)), (Odd(), ())):
        heard.handle(logging.LogRecord("x", logging.WARNING, "x.py", 1, text, args, None))
    heard.handle(logging.LogRecord("x", logging.WARNING, "x.py", 1, "good", (), None))
    assert heard.take() == ["x: good"]

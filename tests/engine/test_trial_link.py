"""What goes over one connection: answers by their numbers, orders kept, nothing after the end."""

from __future__ import annotations

import os
import select
import socket
import threading
from typing import TYPE_CHECKING

import pytest
from optuna.exceptions import UpdateFinishedTrialError
from tests.waiting import DEADLINE_S

from hptui.engine.ipc.protocol import MAX_MESSAGE_BYTES, Channel, Lines, ProtocolError, WorkerLink
from hptui.engine.workers.trial_link import TrialEnded, TrialLink

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from hptui.engine.ipc.protocol import Message


class Ends:
    """Both ends of a worker's connection."""

    def __init__(self, path: Path) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        listener.listen()
        self._listener = listener
        self.worker = WorkerLink(path, {"op": "hello", "token": "t"})
        self.accept()

    def accept(self) -> Message:
        """Take the worker's connection; returns its first message."""
        accepted, _ = self._listener.accept()
        self.engine = Channel(accepted)
        (hello,) = self.expect(1)
        return hello

    def close(self) -> None:
        self.worker.close()
        self.engine.close()
        self._listener.close()

    def expect(self, count: int) -> list[Message]:
        """Wait for so many messages at the engine's end."""
        arrived: list[Message] = []
        while len(arrived) < count:
            arrived += self.engine.receive()
        return arrived


@pytest.fixture
def ends(tmp_path: Path) -> Generator[Ends]:
    both = Ends(tmp_path / "s")
    yield both
    both.close()


def asked(link: TrialLink, got: list[object]) -> threading.Thread:
    def ask() -> None:
        try:
            got.append(link.ask({"op": "prune"})["v"])
        except BaseException as error:  # noqa: BLE001 - what it raises is looked at
            got.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_an_answer_to_another_question_is_dropped_and_an_order_is_kept(ends: Ends) -> None:
    link = TrialLink(ends.worker, 3)
    got: list[object] = []
    thread = asked(link, got)
    (question,) = ends.expect(1)
    assert (question["op"], question["n"]) == ("prune", 3)
    ends.engine.send({"v": "of another", "q": question["q"] - 1})
    ends.engine.send({"stop": "another trial's", "n": 2})
    ends.engine.send({"op": "exit"})
    ends.engine.send({"v": "mine", "q": question["q"]})
    thread.join()
    assert got == ["mine"]
    ends.engine.send({"v": "late", "q": question["q"]})
    ends.engine.send({"op": "run", "n": 4})
    assert ends.worker.next_order() == {"op": "exit"}
    assert ends.worker.next_order() == {"op": "run", "n": 4}


def test_a_trial_that_watches_finds_its_stop_and_keeps_an_order(ends: Ends) -> None:
    link = TrialLink(ends.worker, 3, watches=True)
    ends.engine.send({"op": "exit"})
    ends.engine.send({"stop": "time is up", "n": 3})
    with pytest.raises(TrialEnded, match="time is up"):
        link.tell({"op": "report"})
    # It stays so, whichever thread comes next.
    with pytest.raises(TrialEnded, match="time is up"):
        link.ask({"op": "prune"})
    assert ends.worker.next_order() == {"op": "exit"}


def test_after_its_end_a_trial_sends_and_receives_nothing(ends: Ends) -> None:
    link = TrialLink(ends.worker, 3)
    link.close()
    for late in (link.tell, link.ask):
        with pytest.raises(UpdateFinishedTrialError, match="Trial#3 has already finished"):
            late({"op": "report"})
    ends.worker.send({"op": "done"})
    assert ends.expect(1) == [{"op": "done"}]


def test_the_end_waits_for_the_answer_of_another_thread(ends: Ends) -> None:
    link = TrialLink(ends.worker, 3)
    got: list[object] = []
    asking = asked(link, got)
    (question,) = ends.expect(1)
    closing = threading.Thread(target=link.close)
    closing.start()
    ends.engine.send({"v": True, "q": question["q"]})
    asking.join()
    closing.join()
    assert got == [True]


def test_errors_come_back_as_themselves(ends: Ends) -> None:
    link = TrialLink(ends.worker, 3)
    for answer, kind in (
        ({"error": ["ValueError", "no"]}, ValueError),
        ({"error": ["Peculiar", "no"]}, RuntimeError),
        ({"stop": "no", "n": 3}, TrialEnded),
    ):
        got: list[object] = []
        thread = asked(link, got)
        (question,) = ends.expect(1)
        ends.engine.send({**answer, "q": question["q"]})
        thread.join()
        assert isinstance(got[0], kind)
        assert "no" in str(got[0])


def test_what_a_worker_sent_before_it_closed_is_read_though_it_takes_no_answer(ends: Ends) -> None:
    ends.worker.send({"op": "done"})
    ends.worker.close()
    ends.engine.send({"v": 1})
    ends.engine.send({"v": 2})
    assert ends.engine.receive_all() == [{"op": "done"}]


def test_lines_come_whole_however_they_are_cut() -> None:
    sent = [b"one", b"", b"three " * 5, b"4"]
    stream = b"\n".join(sent) + b"\nrest"
    for size in range(1, len(stream)):
        lines = Lines()
        got: list[bytes] = []
        for first in range(0, len(stream), size):
            got += lines.feed(stream[first : first + size])
        assert got == sent
        assert lines.feed(b" and more\n") == [b"rest and more"]


class Counted(bytes):
    """Bytes that count how often they are copied into others."""

    n_copies = 0

    def __radd__(self, other: bytes) -> bytes:
        Counted.n_copies += 1
        return other + bytes(self)


def test_a_line_that_never_ends_is_collected_once_and_refused_in_the_end() -> None:
    lines = Lines()
    piece = Counted(64 * 1024)
    for _ in range(MAX_MESSAGE_BYTES // len(piece)):
        assert lines.feed(piece) == []
    with pytest.raises(ProtocolError, match="longer than"):
        lines.feed(piece)
    assert Counted.n_copies == 0


def test_what_the_other_end_does_not_take_yet_follows_in_order(ends: Ends) -> None:
    messages = [{"n": n, "text": "x" * 300_000} for n in range(20)]
    for message in messages:
        ends.engine.send(message)
    assert ends.engine.wants_to_write
    got: list[Message] = []
    reading = threading.Thread(target=lambda: got.extend(ends.worker.receive() for _ in messages))
    reading.start()
    while ends.engine.wants_to_write:
        select.select([], [ends.engine], [], DEADLINE_S)
        ends.engine.write()
    reading.join()
    assert got == messages


@pytest.mark.parametrize("junk", [b"[1]\n", b"half a line\n"])
def test_after_what_is_no_message_a_worker_dials_anew(ends: Ends, junk: bytes) -> None:
    link = TrialLink(ends.worker, 3)
    got: list[object] = []
    thread = asked(link, got)
    ends.expect(1)
    old = ends.engine
    os.write(old.fileno(), junk)
    assert ends.accept()["again"] is True
    thread.join()
    assert isinstance(got[0], ProtocolError)
    thread = asked(link, got)
    (question,) = ends.expect(1)
    ends.engine.send({"v": "fine", "q": question["q"]})
    thread.join()
    assert got[1] == "fine"
    old.close()

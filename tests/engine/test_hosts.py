"""What the engine knows of other machines, without any: places, greetings, a log's parts."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from hptui.domain.far_workers import Host
from hptui.domain.resources import Resources
from hptui.engine.ipc.connections import Connections
from hptui.engine.ipc.protocol import PROTOCOL, pack
from hptui.engine.workers.machine.versions import Versions
from hptui.engine.workers.remote.far_files import bytes_of
from hptui.engine.workers.remote.greeting import differences, require_fit
from hptui.engine.workers.remote.host_places import AT_ONCE, HostPlaces
from hptui.engine.workers.remote.shipping import python_files
from hptui.errors import HptuiError

if TYPE_CHECKING:
    from hptui.engine.ipc.protocol import Channel, Message

DEVICES = Resources(asked="0,1", devices=("0", "1"))


def taken(places: HostPlaces, n: int) -> list[str]:
    found = [places.take() for _ in range(n)]
    return [f"{each.host} {','.join(each.devices)}".strip() for each in found if each is not None]


def test_the_host_that_is_used_least_takes_the_next_worker() -> None:
    places = HostPlaces((Host("a"), Host("b", 3)), Resources())
    assert (places.size, places.n_free, places.cores_each) == (4, 4, None)
    assert sorted(taken(places, 5)) == ["a", "b", "b", "b"]
    assert places.take() is None
    places.note_start("b", 8)
    assert places.cores_each == 2, "three share eight cores"


def test_each_host_has_the_devices_for_itself() -> None:
    places = HostPlaces((Host("a"), Host("b", 1)), DEVICES)
    assert places.size == 3
    assert sorted(taken(places, 3)) == ["a 0", "a 1", "b 0"]


def test_a_few_start_at_a_time_on_a_machine() -> None:
    places = HostPlaces((Host("a", 30),), Resources())
    assert len(taken(places, 30)) == AT_ONCE
    places.note_start("a", 4)
    assert places.n_free == 1


def test_a_host_that_cannot_be_reached_is_tried_later_each_time() -> None:
    places = HostPlaces((Host("a", 4), Host("b")), Resources())
    delays: list[float] = []
    for _ in range(8):
        place = places.take()
        while place is not None and place.host != "a":
            place = places.take()
        assert place is not None
        places.note_start("a", None)
        places.give_back(place)
        due_s = places.note_failure("a", 100.0)
        delays.append(due_s - 100)
        assert places.due_s == due_s
        assert not places.tick(due_s - 1)
        assert places.tick(due_s)
    assert delays == sorted(delays)
    assert delays[0] == 2
    assert delays[-1] == 60
    assert places.is_any_there, "b was never tried in vain"
    assert len([each for each in taken(places, 9) if each == "a"]) == 1, "one is tried alone"


def greeting(**changed: object) -> Message:
    versions = {**Versions.here().to_json(), "numpy": "0"}
    told: Message = {
        "op": "agent",
        "protocol": PROTOCOL,
        "pid": 7,
        "cores": 2,
        "versions": versions,
        "sha": "91bc" * 16,
    }
    return {**told, **changed}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"protocol": 0}, "n07 has a different version of hptui"),
        ({"protocol": "\x1b[2J"}, "speak protocol"),
        ({"versions": {}}, "has no Optuna"),
        ({"versions": {**Versions.here().to_json(), "hptui": "0.0"}}, "n07 has hptui 0.0, not"),
        (
            {"versions": {**Versions.here().to_json(), "optuna": "3.6.1"}},
            "workers need Optuna 4 or 5",
        ),
        ({"sha": "3f2a" * 16}, r"has a different train.py \(3f2a3f2a... there, 91bc91bc... here\)"),
        ({"sha": None}, "n07 has a different train.py"),
        ({"problem": {"message": "There is no file x.", "hint": ""}}, "n07: There is no file x."),
        ({"cores": 0}, "cannot be understood"),
        ({"pid": "x"}, "cannot be understood"),
    ],
)
def test_agents_that_do_not_fit_are_refused(changed: dict[str, object], sentence: str) -> None:
    with pytest.raises(HptuiError, match=sentence) as refused:
        require_fit("n07", greeting(**changed), "91bc" * 16, "train.py")
    assert "\x1b" not in refused.value.message


def test_an_agent_that_fits_tells_what_differs() -> None:
    require_fit("n07", greeting(), "91bc" * 16, "train.py")
    assert differences("n07", greeting()).startswith("n07 has NumPy 0 (here ")


def test_any_bytes_of_a_log_come_home() -> None:
    data = bytes(range(256)) * 3
    assert bytes_of(data.decode("utf-8", "surrogateescape")) == data
    assert bytes_of("\ud800") == b"\\ud800"


def test_what_is_sent_are_python_files_of_the_project(tmp_path: Path) -> None:
    for name in ("a.py", "b/c.py", ".git/d.py", "env/pyvenv.cfg", "env/e.py", "b/f.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = [path.relative_to(tmp_path).as_posix() for path in python_files(tmp_path)]
    assert found == ["a.py", "b/c.py"]


class Counting:
    """Takes connections and counts what they say."""

    def __init__(self) -> None:
        self.said: list[int] = []

    def on_first(self, channel: Channel, message: Message) -> bool:
        del channel
        self.said.append(int(message["n"]))
        return True

    def on_closed(self, channel: Channel) -> None:
        del channel


def test_five_hundred_that_connect_at_once_all_join(tmp_path: Path) -> None:
    n = 500
    counting = Counting()
    path = Path(os.path.relpath(tmp_path / "s"))
    connections = Connections(path, cast("Any", counting))
    with contextlib.ExitStack() as stack:
        stack.callback(connections.close)
        connections.open()
        for number in range(n):
            one = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            # Without room in the queue this would fail at once.
            one.setblocking(False)
            one.connect(str(path))
            one.send(pack({"op": "hello", "n": number}))
        turns = 0
        while len(counting.said) < n and turns < n:
            turns += 1
            connections.wait(0)
        assert sorted(counting.said) == list(range(n))
        assert turns < 10, "they were taken one a turn"

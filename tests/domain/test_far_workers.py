"""What is typed of other machines."""

from __future__ import annotations

import json

import pytest

from hptui.domain.far_workers import (
    Cluster,
    FarWorkers,
    Host,
    read_engine_address,
    read_hosts,
    read_lost_after,
    read_retries,
    read_scheduler,
    read_worker_resources,
)
from hptui.domain.resources import StoredPlace
from hptui.errors import UsageError


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("gpu1", (Host("gpu1"),)),
        ("gpu1,gpu2:4, me@gpu3", (Host("gpu1"), Host("gpu2", 4), Host("me@gpu3"))),
        ("[::1]", (Host("[::1]"),)),
        ("me@[fe80::1%eth0]:2", (Host("me@[fe80::1%eth0]", 2),)),
        ("a_b.example.org:12", (Host("a_b.example.org", 12),)),
    ],
)
def test_hosts_are_read(text: str, hosts: tuple[Host, ...]) -> None:
    assert read_hosts(text) == hosts
    assert read_hosts(",".join(map(str, hosts))) == hosts


@pytest.mark.parametrize(
    "text",
    ["", "a,", "-oProxyCommand=x", "a b", "a:0", "a:x", "a:", "a,a", "a:5000", "@a", "a@-b", "a;b"],
)
def test_what_are_no_hosts_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_hosts(text)
    assert repr(text) in refused.value.message or "gives no number" in refused.value.message


def test_schedulers_resources_and_addresses() -> None:
    for text in ("tcp://head:8786", "tls://10.0.0.1:1", "cluster.json", "/a b/c.json"):
        assert read_scheduler(text) == text
    for text in ("", "http://head:1", "tcp://head", "tcp://head:x"):
        with pytest.raises(UsageError, match="is not a scheduler"):
            read_scheduler(text)
    assert read_worker_resources("GPU=1, MEMORY=8e9") == (("GPU", 1.0), ("MEMORY", 8e9))
    for text in ("", "GPU", "GPU=", "=1", "GPU=x", "GPU=-1", "GPU=1,"):
        with pytest.raises(UsageError, match="is not a list of resources"):
            read_worker_resources(text)
    assert read_engine_address("head") == ("head", 0)
    assert read_engine_address("[::1]:80") == ("::1", 80)
    for text in ("", ":80", "head:", "head:99999", "a b"):
        with pytest.raises(UsageError, match="is not an address"):
            read_engine_address(text)
    assert [read_retries(text) for text in ("0", "7", "100")] == [0, 7, 100]
    for text in ("", "-1", "101", "x"):
        with pytest.raises(UsageError):
            read_retries(text)


def test_a_place_on_another_machine_is_stored_and_shown() -> None:
    place = StoredPlace(("0",), "1-2", "gpu1", "/home/me/x")
    assert StoredPlace.read(place.to_json()) == place
    assert str(place) == "gpu1, GPU 0, cores 1-2, files in /home/me/x"
    assert StoredPlace.read({"host": "n\n07"}) is not None
    assert "\n" not in str(StoredPlace.read({"host": "n\n07"}))
    assert StoredPlace.read({"host": 7}) is None


FAR = [
    FarWorkers(hosts=(Host("gpu1"), Host("me@gpu2", 4))),
    FarWorkers(hosts=(Host("a"),), code="ship", python="/opt/python", retries=0, lost_after_s=90.0),
    FarWorkers(cluster=Cluster()),
    FarWorkers(
        cluster=Cluster(
            scheduler="tls://head:8786",
            resources=(("GPU", 1.0), ("MEMORY", 8e20)),
            address=("fe80::1", 9000),
        )
    ),
]


@pytest.mark.parametrize("far", FAR)
def test_the_record_of_a_run_tells_where_its_workers_were(far: FarWorkers) -> None:
    assert FarWorkers.from_json(json.loads(json.dumps(far.to_json()))) == far


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        {},
        {"hosts": "a"},
        {"hosts": ["-oProxyCommand=x"]},
        {"hosts": []},
        {"hosts": ["a"], "scheduler": "tcp://b:1"},
        {"hosts": ["a"], "retries": -1},
        {"hosts": ["a"], "lost_after": "x"},
        {"scheduler": "tcp://me:***@head:8786"},
        {"scheduler": "http://a"},
    ],
)
def test_a_record_that_tells_no_such_place_tells_nothing(stored: object) -> None:
    assert FarWorkers.from_json(stored) is None


def test_a_machine_is_not_lost_at_once() -> None:
    assert read_lost_after("1m30s") == 90
    for text in ("0.5s", "x"):
        with pytest.raises(UsageError):
            read_lost_after(text)

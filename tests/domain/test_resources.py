"""Devices, memory and variables as people type them, and how many workers go with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hptui.domain.resources import (
    Resources,
    StoredPlace,
    above_limit_text,
    read_devices,
    read_memory,
    read_variable,
    require_fit,
    show_memory,
    spell_memory,
    unused_text,
    usual_workers,
)
from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

GB = 1 << 30


@pytest.mark.parametrize(
    ("text", "devices"),
    [
        ("0", ("0",)),
        ("3, 1,10", ("3", "1", "10")),
        ("GPU-5d5ba0d6-d33d-2b2c,MIG-GPU-5d5b/1/0", ("GPU-5d5ba0d6-d33d-2b2c", "MIG-GPU-5d5b/1/0")),
        ("0.0,0.1", ("0.0", "0.1")),
        ("AUTO", ("auto",)),
        ("none", ("none",)),
    ],
)
def test_devices_are_names_that_stay_as_they_are(text: str, devices: tuple[str, ...]) -> None:
    assert read_devices(text) == devices


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8G", 8 * GB),
        ("8 GiB", 8 * GB),
        ("1.5gb", 3 * GB // 2),
        ("500M", 500 << 20),
        ("1t", 1 << 40),
    ],
)
def test_memory_counts_as_systemd_does(text: str, size: int) -> None:
    assert read_memory(text) == size
    assert read_memory(spell_memory(size)) == size


@pytest.mark.parametrize(
    ("read", "text", "says"),
    [
        (read_devices, "", "is not a list of devices"),
        (read_devices, "0,,1", "is not a list of devices"),
        (read_devices, "0,auto", "is not a list of devices"),
        (read_devices, "-1", "is not a list of devices"),
        (read_devices, "0;rm", "is not a list of devices"),
        (read_devices, "0,1,0", "names the device 0 twice; --per-device lets several trials"),
        (read_memory, "8", "is not an amount of memory; write 8G or 500M"),
        (read_memory, "80%", "is not an amount of memory"),
        (read_memory, "-8G", "is not an amount of memory"),
        (read_memory, "1k", "from 1M to 1024T"),
        (read_memory, "9999999T", "from 1M to 1024T"),
        (read_variable, "TOKEN", "gives no value; write NAME=VALUE"),
        (read_variable, "2X=1", "is not a variable's name"),
        (read_variable, "=1", "is not a variable's name"),
        (read_variable, "HPTUI_TRIAL_DIR=/", "is hptui's own variable"),
        (read_variable, "X=a\0b", "NUL"),
    ],
)
def test_what_is_refused_says_what_was_expected(
    read: Callable[[str], object], text: str, says: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert says in caught.value.message


def test_a_value_that_may_be_a_secret_is_neither_repeated_nor_stored() -> None:
    with pytest.raises(UsageError) as caught:
        read_variable("MY KEY=hunter2")
    assert "hunter2" not in caught.value.message
    assert read_variable("URL=a=b") == ("URL", "a=b")
    resources = Resources(environment=(("TOKEN", "hunter2"),), memory=GB, is_pinned=True)
    assert resources.to_json() == {"pin": True, "memory": GB, "env": ["TOKEN"]}
    assert Resources().to_json() == {}


@pytest.mark.parametrize(
    ("taken", "limit", "text"),
    [
        (9.1 * GB, 8 * GB, "The trial used 9.1 GB; its limit is 8 GB."),
        (8.02 * GB, 8 * GB, "The trial used 8.02 GB; its limit is 8 GB."),
        (312 << 20, 200 << 20, "The trial used 312 MB; its limit is 200 MB."),
        (1.2 * GB, 1000 << 20, "The trial used 1.2 GB; its limit is 1000 MB."),
    ],
)
def test_a_trial_above_its_limit_is_told_both(taken: float, limit: int, text: str) -> None:
    assert above_limit_text(int(taken), limit) == text
    assert show_memory(1 << 50) == "1024 TB"


FOUR = ("0", "1", "2", "3")


@pytest.mark.parametrize(
    ("resources", "n_cores", "usual", "fits", "says"),
    [
        (Resources(), 8, 8, None, ""),
        (Resources(devices=FOUR), 2, 4, 4, "5 workers do not fit on 4 devices: 4 fit."),
        (Resources(devices=FOUR, per_device=2), 2, 8, 8, "4 devices, 2 trials on each: 8 fit."),
        (Resources(devices=FOUR, devices_per_trial=2), 8, 2, 2, "2 for each trial: 2 fit."),
        (Resources(devices=("7",)), 8, 1, 1, "2 workers do not fit on 1 device: 1 fits."),
        (Resources(is_pinned=True), 4, 4, 4, "5 workers cannot have 1 core each: there are 4"),
        (
            Resources(is_pinned=True, threads=2),
            4,
            2,
            2,
            "have 2 cores each: there are 4, enough for 2",
        ),
        (Resources(devices=FOUR, is_pinned=True), 2, 2, 2, "there are 2, enough for 2 workers."),
        (Resources(threads=4), 8, 2, None, ""),
        (Resources(threads=16), 8, 1, None, ""),
        (Resources(devices=tuple(map(str, range(300)))), 2, 300, 300, "300 fit."),
    ],
)
def test_as_many_workers_as_have_a_place(
    resources: Resources, n_cores: int, usual: int, fits: int | None, says: str
) -> None:
    assert usual_workers(resources, n_cores) == usual
    require_fit(resources, fits or 1_000, n_cores)
    if fits is not None:
        with pytest.raises(UsageError) as caught:
            require_fit(resources, fits + 1, n_cores)
        assert says in caught.value.message


def test_devices_that_no_trial_gets_are_told() -> None:
    three = Resources(devices=("0", "1", "2"), devices_per_trial=2)
    assert unused_text(three) == "Device 2 stays unused: 3 devices make 1 group of 2."
    assert unused_text(Resources(devices=FOUR, devices_per_trial=2)) == ""


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ({"devices": ["0", "1"], "cores": "0-3"}, "GPU 0+1, cores 0-3"),
        ({"cores": "5"}, "core 5"),
        ({"devices": ["\x1b[31m0"]}, "GPU \\x1b[31m0"),
        ({"devices": 3, "cores": [1]}, None),
        ({}, None),
        ("0", None),
    ],
)
def test_a_stored_place_is_shown_whatever_is_stored(stored: object, shown: str | None) -> None:
    place = StoredPlace.read(stored)
    assert (None if place is None else str(place)) == shown

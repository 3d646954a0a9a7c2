"""The options of `hptui run` on devices, cores and memory: what they give, and what is refused."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

import pytest

from hptui.cli.commands.tuning.run import add_arguments
from hptui.cli.options.run_resources import resources_of, workers_of
from hptui.domain.resources import Resources
from hptui.engine.run.start.plan import available_cores
from hptui.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def given(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(["train.py", *options])


@pytest.mark.parametrize(
    ("options", "resources", "n_workers"),
    [
        ("", Resources(), available_cores()),
        ("--devices 2,5", Resources(asked="2,5", devices=("2", "5")), 2),
        ("--devices none", Resources(asked="none"), available_cores()),
        (
            "--devices 0,1,2,3 --per-device 3 --devices-per-trial 2",
            Resources(
                asked="0,1,2,3", devices=("0", "1", "2", "3"), per_device=3, devices_per_trial=2
            ),
            6,
        ),
        ("--devices 0,1 --jobs 1", Resources(asked="0,1", devices=("0", "1")), 1),
        ("--memory 1.5G --jobs 3", Resources(memory=3 << 29), 3),
        (
            "--env A=1 --env B=2 --env A=3 --jobs 1",
            Resources(environment=(("A", "3"), ("B", "2"))),
            1,
        ),
        ("--backend threading --threads 2 --jobs 2", Resources(threads=2), 2),
    ],
)
def test_what_options_give(options: str, resources: Resources, n_workers: int) -> None:
    args = given(*options.split())
    assert resources_of(args) == resources
    assert workers_of(args, resources) == n_workers


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--per-device 2", "--per-device has no effect without devices."),
        ("--devices-per-trial 2 --devices none", "--devices-per-trial has no effect"),
        ("--devices 0,1 --devices-per-trial 3", "--devices-per-trial is 3, but there are only 2"),
        ("--devices 0 --backend threading", "--devices does not work with --backend threading"),
        ("--pin --backend threading", "--pin does not work with --backend threading"),
        ("--memory 1G --backend threading", "--memory does not work with --backend threading"),
        ("--devices 0,1 --jobs 3", "3 workers do not fit on 2 devices: 2 fit."),
        ("--pin --threads 4096 --jobs 1", "1 worker cannot have 4,096 cores each"),
        ("--threads 4097", "--threads 4097 is more than 4096."),
        ("--devices 0 --env CUDA_VISIBLE_DEVICES=1", "--devices set the same variable."),
        ("--devices auto", "nvidia-smi is not on the PATH"),
    ],
)
def test_what_does_not_go_together_is_refused(
    options: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    args = given(*options.split())
    with pytest.raises(UsageError) as caught:
        workers_of(args, resources_of(args))
    assert says in caught.value.message


@pytest.mark.parametrize(
    "options", ["--devices 0,,1", "--memory 8", "--env TOKEN", "--threads 0", "--per-device x"]
)
def test_bad_values_are_refused_by_their_option(
    options: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        given(*options.split())
    assert f"argument {options.split()[0]}: " in capsys.readouterr().err


def test_cores_are_shared_out_as_this_process_has_them() -> None:
    cores = os.sched_getaffinity(0)
    args = given("--pin")
    assert workers_of(args, resources_of(args)) == len(cores)

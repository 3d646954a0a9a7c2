"""Which GPUs a run takes: of the user's variable, or of a stand-in for nvidia-smi."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from hptui.domain.resources import Resources
from hptui.engine.workers.machine.gpus import resolve_devices
from hptui.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

MISMATCH = "Failed to initialize NVML: Driver/library version mismatch"
LISTS = """\
cat <<END
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaaaaaa)
  MIG 3g.20gb     Device  0: (UUID: MIG-c7384736)
  MIG 3g.20gb     Device  1: (UUID: MIG-a28ad590)
GPU 2: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbbbbbb)
END
"""
FAILS = f"echo {MISMATCH}; exit 18\n"


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place on the PATH, before and instead of any other nvidia-smi."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return tmp_path / "nvidia-smi"


def write(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_auto_takes_what_nvidia_smi_lists_parts_of_a_divided_gpu_by_name(nvidia_smi: Path) -> None:
    write(nvidia_smi, LISTS)
    found = resolve_devices(Resources(), ("auto",), {})
    assert found.devices == ("0", "MIG-c7384736", "MIG-a28ad590", "2")
    assert (found.asked, found.is_cuda_order) == ("auto", False)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (None, "nvidia-smi is not on the PATH"),
        (FAILS, f"nvidia-smi failed with exit code 18: {MISMATCH}"),
        ("exit 9\n", "nvidia-smi failed with exit code 9"),
        ("echo No devices were found\n", "nvidia-smi lists none"),
        # What it has started holds its output open, too.
        ("sleep 60 & sleep 60\n", "nvidia-smi gave no answer within 0.3 s"),
    ],
)
def test_auto_without_a_gpu_is_an_error_with_the_reason(
    nvidia_smi: Path, script: str | None, says: str
) -> None:
    if script is not None:
        write(nvidia_smi, script)
    with pytest.raises(UsageError) as caught:
        resolve_devices(Resources(), ("auto",), {}, deadline_s=0.3 if says[-1] == "s" else 60.0)
    assert caught.value.message == f"--devices auto finds no GPU: {says}."


@pytest.mark.parametrize(
    ("given", "asked", "devices"),
    [
        ("4,5", ("auto",), ("4", "5")),
        ("GPU-5d5b, MIG-c738", ("auto",), ("GPU-5d5b", "MIG-c738")),
        # CUDA reads no further than the first that is none.
        ("2,-1,3", ("auto",), ("2",)),
        ("4,5", ("5",), ("5",)),
        (None, ("9",), ("9",)),
        ("4,5", ("none",), ()),
    ],
)
def test_a_list_that_was_given_is_shared_out_and_never_renumbered(
    given: str | None, asked: tuple[str, ...], devices: tuple[str, ...]
) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        environment = {} if given is None else {name: given}
        found = resolve_devices(Resources(per_device=2), asked, environment)
        assert found.devices == devices
    assert found.per_device == 2
    assert found.is_cuda_order == (given is not None and bool(devices))


@pytest.mark.parametrize(
    ("given", "asked", "says"),
    [
        ("4,5", ("0", "4"), "--devices names 0, but CUDA_VISIBLE_DEVICES is '4,5'."),
        ("", ("auto",), "--devices auto finds no GPU: CUDA_VISIBLE_DEVICES is ''."),
        ("-1", ("auto",), "--devices auto finds no GPU: CUDA_VISIBLE_DEVICES is '-1'."),
        ("4", ("auto",), "--devices-per-trial is 2, but there is only 1 device."),
    ],
)
def test_devices_that_are_not_there_are_refused(
    given: str, asked: tuple[str, ...], says: str
) -> None:
    resources = Resources(devices_per_trial=2 if "per-trial" in says else 1)
    with pytest.raises(UsageError) as caught:
        resolve_devices(resources, asked, {"CUDA_VISIBLE_DEVICES": given})
    assert caught.value.message == says

"""Which GPUs a run may use: what the user's variable names, else all that nvidia-smi lists."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hptui.domain.resources import AUTO, NONE, Resources
from hptui.domain.texts.readable import by_count, plural
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLES: Final = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
"""What the user's own list stands in; the first that is set counts."""
_PROGRAM: Final = "nvidia-smi"
_DEADLINE_S: Final = 20.0
"""Without its daemon the driver starts anew for each call: some seconds with eight GPUs."""
_ENDING_S: Final = 1.0
_GPU: Final = re.compile(r"GPU (\d+):")
_MIG: Final = re.compile(r"\s+MIG .*\(UUID: (MIG-[^)\s]+)\)")
_HINT: Final = "Name the GPUs, like --devices 0,1, or run without --devices."


def resolve_devices(
    resources: Resources,
    asked: tuple[str, ...],
    environment: Mapping[str, str] = os.environ,
    *,
    deadline_s: float = _DEADLINE_S,
) -> Resources:
    """Return the resources with the devices that `asked` means here.

    A list that the machine's scheduler has given in `CUDA_VISIBLE_DEVICES`, or in
    `HIP_VISIBLE_DEVICES`, is shared out as it is: nothing outside of it is taken, and nothing is
    renumbered.

    Args:
        resources: What else was given.
        asked: What `read_devices` returned.
        environment: The variables of the user.
        deadline_s: How long nvidia-smi may take.

    Raises:
        UsageError: There are no GPUs, with the reason; or some that are not the user's.
    """
    text = ",".join(asked)
    if asked == (NONE,):
        return replace(resources, asked=text)
    variable = next((each for each in _VARIABLES if each in environment), _VARIABLES[0])
    given = environment.get(variable)
    allowed = None if given is None else _listed(given)
    if asked == (AUTO,):
        devices = _of_machine(deadline_s) if allowed is None else allowed
        if not devices:
            raise UsageError(
                f"--devices auto finds no GPU: {variable} is {safe_line(repr(given))}.",
                hint=f"Unset {variable}, or run without --devices.",
            )
    else:
        devices = asked
        strangers = [each for each in asked if allowed is not None and each not in allowed]
        if strangers:
            raise UsageError(
                f"--devices names {safe_line(', '.join(strangers), max_chars=200)}, but "
                f"{variable} is {safe_line(repr(given), max_chars=200)}.",
                hint=f"Name some of these, give --devices auto for all, or unset {variable}.",
            )
    found = replace(resources, asked=text, devices=devices, is_cuda_order=allowed is not None)
    if not found.n_groups:
        n_devices = len(found.devices)
        are = by_count(n_devices, "is", "are")
        raise UsageError(
            f"--devices-per-trial is {found.devices_per_trial}, but there {are} only "
            f"{plural(n_devices, 'device')}."
        )
    return found


def _listed(text: str) -> tuple[str, ...]:
    """Return what CUDA reads in its variable: the names before the first -1."""
    names: list[str] = []
    for each in text.split(","):
        name = each.strip()
        if not name or name.startswith("-") or name.lower() == "nodevfiles":
            break
        names.append(name)
    return tuple(dict.fromkeys(names))


def _of_machine(deadline_s: float) -> tuple[str, ...]:
    """Return the GPUs that nvidia-smi lists; of one that is divided (MIG), its parts.

    Raises:
        UsageError: It is not there, fails, hangs, or lists none.
    """
    program = shutil.which(_PROGRAM)
    if program is None:
        raise _no_gpu(f"{_PROGRAM} is not on the PATH")
    try:
        process = subprocess.Popen(
            [program, "-L"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise _no_gpu(f"{_PROGRAM} cannot be started ({error.strerror})") from error
    try:
        output, _ = process.communicate(timeout=deadline_s)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        # A driver that hangs may leave it unkillable.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_ENDING_S)
        assert process.stdout is not None
        process.stdout.close()
        raise _no_gpu(f"{_PROGRAM} gave no answer within {deadline_s:g} s") from None
    told = output.decode("utf-8", "backslashreplace")
    if process.returncode:
        said = safe_line(next(iter(told.strip().splitlines()), "").rstrip("."), max_chars=200)
        why = f": {said}" if said else ""
        raise _no_gpu(f"{_PROGRAM} failed with exit code {process.returncode}{why}")
    devices = _read_list(told)
    if not devices:
        raise _no_gpu(f"{_PROGRAM} lists none")
    return devices


def _read_list(text: str) -> tuple[str, ...]:
    devices: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if gpu := _GPU.match(line):
            devices.append((gpu[1], []))
        elif devices and (part := _MIG.match(line)):
            devices[-1][1].append(part[1])
    return tuple(name for gpu, parts in devices for name in (parts or [gpu]))


def _no_gpu(why: str) -> UsageError:
    return UsageError(f"--devices auto finds no GPU: {why}.", hint=_HINT)

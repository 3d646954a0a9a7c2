"""How many cores the code of an objective may use: the share of its worker.

Libraries ask in many ways: environment variables that they read once, Python's own functions, and
functions of joblib and psutil. Each gives the same number, unless the user has set a variable.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
_JOBLIB_VARIABLE = "LOKY_MAX_CPU_COUNT"
_PYTHON_VARIABLE = "PYTHON_CPU_COUNT"
"""What Python takes for the number of cores from 3.13 on, and `limit_core_count` before that."""


def core_variables(n_cores: int, *, replace: bool = False) -> dict[str, str]:
    """Return the variables that tell libraries of `n_cores`.

    What the user has set stays, unless `replace` is set.
    """
    # Joblib never counts more cores than Python does.
    n_told = n_cores if replace else max(n_cores, _number_in(_JOBLIB_VARIABLE))
    names: tuple[str, ...] = (*_THREAD_VARIABLES, _JOBLIB_VARIABLE)
    variables = {**dict.fromkeys(names, str(n_cores)), _PYTHON_VARIABLE: str(n_told)}
    return {name: value for name, value in variables.items() if replace or name not in os.environ}


def limit_core_count() -> None:
    """Have the functions of this process that count cores tell what `core_variables` set.

    Of the available cores a subset is told, but nothing is pinned to it.
    """
    n_cores = _number_in(_PYTHON_VARIABLE)
    if not n_cores:
        return
    _patch(os, "cpu_count", lambda: n_cores)
    _patch(os, "process_cpu_count", lambda: n_cores)
    if hasattr(os, "sched_getaffinity"):
        os.sched_getaffinity = _affinity_of(n_cores)
    psutil = sys.modules.get("psutil")
    if psutil is not None:
        _patch(psutil, "cpu_count", lambda logical=True: n_cores)  # noqa: ARG005 - psutil's name
    joblib = sys.modules.get("joblib.externals.loky.backend.context")
    if joblib is not None:
        # Physical cores are counted by the system's tools, unless they were counted before.
        _patch(joblib, "physical_cores_cache", n_cores)


def _number_in(variable: str) -> int:
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() else 0


def _affinity_of(n_cores: int) -> Any:  # noqa: ANN401 - stands in for a function of os
    original = os.sched_getaffinity

    def sched_getaffinity(pid: int, /) -> set[int]:
        available = original(pid)
        if pid not in (0, os.getpid()) or len(available) <= n_cores:
            return available
        # Neighbours that pin themselves to what they are told must not share one core.
        ordered = sorted(available)
        start = os.getpid() * n_cores
        return {ordered[(start + at) % len(ordered)] for at in range(n_cores)}

    return sched_getaffinity


def _patch(module: Any, name: str, value: object) -> None:  # noqa: ANN401 - of any module
    if hasattr(module, name):
        setattr(module, name, value)

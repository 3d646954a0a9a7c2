"""Importance, computed in a process of its own: no other imports Optuna and scikit-learn for it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from hptui.analysis.evaluators import EVALUATORS
from hptui.analysis.importance import build_importance, judged_trials
from hptui.domain.spaces.space import spec_to_json
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_text
from hptui.errors import HptuiError, UsageError
from hptui.registry.loading.core_count import core_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from hptui.analysis.evaluators import Evaluator
    from hptui.analysis.importance import Importance, JudgedTrials
    from hptui.trials import Trials

_TICK_S: Final = 0.2
_BYTES: Final = 1 << 16
_MAX_TOLD_CHARS: Final = 300


def compute_importance(
    trials: Trials,
    objective: int,
    evaluator: Evaluator = "ped-anova",
    params: Sequence[str] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> Importance:
    """Return how much each parameter matters for an objective.

    Args:
        trials: All trials that count; those that are complete and finite are judged.
        objective: Its place among the study's.
        evaluator: Which of Optuna's.
        params: Which parameters; without, all that the evaluator can judge.
        tell: Told some times a second how far it is. The process is ended when it raises an
            exception, which is how to cancel.

    Raises:
        UsageError: The evaluator cannot judge these trials, or not by the parameters that were
            asked for.
    """
    judged = judged_trials(trials, objective, evaluator, params)
    shares: dict[str, float] = {}
    if len(judged.values) and judged.params:
        shares = _ask(judged, evaluator, params, tell)
    return build_importance(judged, evaluator, objective, shares, params)


def _ask(
    trials: JudgedTrials, evaluator: Evaluator, params: Sequence[str], tell: Callable[[str], None]
) -> dict[str, float]:
    what = f"{EVALUATORS[evaluator].title} of {plural(len(trials.values), 'trial')}"
    began_s = time.monotonic()
    with tempfile.TemporaryFile() as question, tempfile.TemporaryFile() as errors:
        _write_question(question, trials, evaluator, params)
        last: dict[str, Any] = {}
        with _child(question, errors) as process:
            for last in _lines(process):
                far = ""
                if last.get("total"):
                    far = f", {last['done']} of {plural(last['total'], 'parameter')}"
                tell(f"{what}{far}, {time.monotonic() - began_s:.0f} s")
        if "refused" in last:
            raise UsageError(last["refused"], hint=last["hint"])
        if "shares" not in last:
            raise HptuiError(
                f"Importance could not be computed: {_last_line(errors, process.returncode)}"
            )
    return last["shares"]


def _write_question(
    file: IO[bytes], trials: JudgedTrials, evaluator: Evaluator, params: Sequence[str]
) -> None:
    order = {
        "evaluator": evaluator,
        "params": list(params),
        "direction": trials.direction,
        "is_single": trials.is_single,
        "all_params": [
            {
                "name": param.name,
                "specs": [json.loads(spec_to_json(spec)) for spec in param.specs],
            }
            for param in trials.params
        ],
    }
    arrays: dict[str, Any] = {"values": trials.values, "numbers": trials.numbers}
    for index, param in enumerate(trials.params):
        arrays[f"values-{index}"] = param.values
        arrays[f"specs-{index}"] = param.spec_indices
    arrays["order"] = np.frombuffer(json.dumps(order).encode(), np.uint8)
    np.savez(file, **arrays)
    file.seek(0)


@contextlib.contextmanager
def _child(question: IO[bytes], errors: IO[bytes]) -> Generator[subprocess.Popen[bytes]]:
    """Start the process; on leaving, it is gone."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "hptui.engine.importance.child", str(os.getpid())],
        stdin=question,
        stdout=subprocess.PIPE,
        stderr=errors,
        # The cores belong to the trials that may be running.
        env=os.environ | core_variables(1, replace=True),
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _lines(process: subprocess.Popen[bytes]) -> Generator[dict[str, Any]]:
    """Yield what the process says, and again what it said last when it has been silent."""
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    last: dict[str, Any] = {}
    rest = b""
    while True:
        ready, _, _ = select.select([pipe], [], [], _TICK_S)
        if not ready:
            yield last
            continue
        block = os.read(pipe, _BYTES)
        if not block:
            break
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            last = json.loads(line)
            yield last
    process.wait()


def _last_line(errors: IO[bytes], code: int) -> str:
    errors.seek(0)
    lines = safe_text(errors.read().decode("utf-8", "backslashreplace")).strip().splitlines()
    return lines[-1][:_MAX_TOLD_CHARS] if lines else f"its process ended with code {code}."

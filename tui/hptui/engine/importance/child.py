"""The process in which importance is computed: trials come in, progress and shares go out."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from hptui.analysis.importance import JudgedParam, JudgedTrials
from hptui.domain.spaces.space import spec_from_json
from hptui.engine.importance.evaluate import evaluate
from hptui.errors import UsageError
from hptui.registry.loading.process_ties import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from hptui.analysis.evaluators import Evaluator


def main() -> None:
    """Read a question from standard input; write lines of JSON, the last one the answer.

    The argument is the pid of who asks: without them nobody waits for an answer.
    """
    die_with_parent(int(sys.argv[1]))
    with np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False) as arrays:
        given: dict[str, npt.NDArray[Any]] = dict(arrays.items())
    order = json.loads(bytes(given["order"]))
    if order["evaluator"] == "ped-anova":
        _do_without_sklearn()
    try:
        answer: dict[str, object] = {
            "shares": evaluate(
                _trials(order, given),
                cast("Evaluator", order["evaluator"]),
                order["params"],
                lambda done, total: _write({"done": done, "total": total}),
            )
        }
    except UsageError as error:
        answer = {"refused": error.message, "hint": error.hint}
    _write(answer)


def _do_without_sklearn() -> None:
    """Spare the import of scikit-learn, which takes longer than judging 100,000 trials.

    Optuna's evaluators that need it say so when they are made; PED-ANOVA does not.
    """
    modules = cast("dict[str, object]", sys.modules)
    modules["sklearn"] = None


def _write(data: Mapping[str, object]) -> None:
    # A float32 or a NumPy float is not JSON, and no share is lost by being a float.
    sys.stdout.write(json.dumps(data, default=float) + "\n")
    sys.stdout.flush()


def _trials(order: dict[str, Any], given: Mapping[str, npt.NDArray[Any]]) -> JudgedTrials:
    params = tuple(
        JudgedParam(
            param["name"],
            tuple(spec_from_json(json.dumps(spec)) for spec in param["specs"]),
            given[f"values-{index}"],
            given[f"specs-{index}"],
        )
        for index, param in enumerate(order["all_params"])
    )
    return JudgedTrials(
        given["values"],
        given["numbers"],
        params,
        order["direction"],
        order["is_single"],
        len(given["values"]),
        0,
    )


if __name__ == "__main__":
    main()

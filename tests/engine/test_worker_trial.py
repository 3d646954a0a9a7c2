"""What a trial in a worker sends to the engine."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from hptui.engine.workers.worker_trial import WorkerTrial

if TYPE_CHECKING:
    from hptui.engine.ipc.protocol import Message
    from hptui.engine.workers.trial_link import TrialLink


class Recording:
    """A link that keeps what is sent, and answers with the lower bound."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.sent: list[Message] = []

    def tell(self, message: Message) -> None:
        self.sent.append(json.loads(json.dumps(message)))

    def ask(self, message: Message) -> Message:
        self.tell(message)
        return {"v": message["d"]["low"]}


def test_bounds_and_steps_of_numpy_are_sent_as_plain_numbers() -> None:
    link = Recording()
    trial = WorkerTrial(cast("TrialLink", link), {"n": 0, "directions": ["minimize"]})
    numbers: Any = np
    assert trial.suggest_float("x", numbers.float32(0), 1, step=numbers.float32(0.25)) == 0
    assert trial.suggest_float("y", 1, numbers.float64(2), log=numbers.bool_(True)) == 1
    assert trial.suggest_int("n", numbers.int64(1), 5, step=numbers.int64(2)) == 1
    assert [message["d"] for message in link.sent] == [
        {"k": "f", "low": 0.0, "high": 1.0, "log": False, "step": 0.25},
        {"k": "f", "low": 1.0, "high": 2.0, "log": True, "step": None},
        {"k": "i", "low": 1, "high": 5, "log": False, "step": 2},
    ]

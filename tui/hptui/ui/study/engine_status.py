"""What the engine that runs a study says of itself, and who else may be filling the study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.domain.resources import StoredPlace
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.engine.ipc.client import ask_engine
from hptui.engine.recovery.lease import dead_engine_text, read_lease
from hptui.engine.run.moment import in_one_moment
from hptui.errors import HptuiError
from hptui.ui.study.snapshot import EngineState, WorkerLoad, WorkerStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hptui.engine.ipc.protocol import Message
    from hptui.engine.recovery.lease import Lease

ANSWER_TIMEOUT_S: Final = 2.0
RECENT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Asked:
    """Who holds a study, and what it answered; asked before the file is read."""

    lease: Lease | None
    answer: Message | None = None
    refusal: str = ""
    """Why an engine of this machine gave no answer."""

    @property
    def is_here(self) -> bool:
        """Whether an engine of this machine runs the study."""
        return self.lease is not None and self.lease.is_alive and self.lease.is_here


def ask_status(path: Path, study_name: str) -> Asked:
    """Ask the engine that runs a study how it stands, if one does."""
    lease = read_lease(path, study_name)
    if lease is None or not lease.is_alive or not lease.is_here:
        return Asked(lease)
    try:
        answer = ask_engine(path, study_name, {"op": "status"}, timeout_s=ANSWER_TIMEOUT_S)
    except HptuiError as error:
        return Asked(lease, refusal=error.message)
    return Asked(lease, answer)


def engine_status(
    asked: Asked, counts: Mapping[str, int], *, changed_s_ago: float | None
) -> tuple[EngineState | None, str, bool]:
    """Return the engine's state, or a sentence about who fills the study or has ceased to.

    The last item says whether somebody whom this program cannot steer fills the study now.

    Args:
        asked: What the engine answered, before the file was read.
        counts: The study's trials by the words of `trial_states`, as the file says.
        changed_s_ago: When the file was last seen to change, in seconds; None when it was not.
    """
    lease = asked.lease
    if lease is None:
        return None, *_other_program(counts.get("RUNNING", 0), changed_s_ago)
    if not lease.is_alive:
        return None, dead_engine_text(lease, counts.get("STALE", 0)), False
    if not lease.is_here:
        host = safe_line(lease.host, max_chars=60)
        return None, f"An engine on {host} runs it (process {lease.pid}); steer it there.", True
    if asked.answer is None:
        return None, asked.refusal, True
    try:
        return engine_state(in_one_moment(asked.answer, counts)), "", False
    except (KeyError, TypeError, ValueError, AttributeError):
        return None, f"Its engine (process {lease.pid}) is of another version of hptui.", True


def engine_state(answer: Mapping[str, Any]) -> EngineState:
    """Return what the answer to `status` says.

    Raises:
        KeyError: Something is missing; also TypeError, ValueError and AttributeError.
    """
    counts: Mapping[str, Any] = answer["counts"]
    budget, cost_ms = answer["n_trials"], answer["sampler_ms_a_trial"]
    return EngineState(
        state=safe_line(answer["state"], max_chars=20),
        n_complete=int(counts["complete"]),
        n_pruned=int(counts["pruned"]),
        n_failed=int(counts["fail"]),
        n_trials=None if budget is None else int(budget),
        rate=float(answer["rate"] or 0.0),
        eta_s=_float(answer["eta_s"]),
        elapsed_s=float(answer["elapsed_s"]),
        sampler=safe_line(answer["sampler"]),
        pruner=safe_line(answer["pruner"]),
        sampler_ms_a_trial=_float(cost_ms),
        backend=safe_line(answer["backend"], max_chars=20),
        trouble=safe_line(answer["trouble"] or "", max_chars=400),
        workers=tuple(map(_worker, cast("list[Mapping[str, Any]]", answer["slots"]))),
        target=_float(answer.get("target")),
        pid=int(answer["pid"]),
        thinking_s=_float(answer.get("thinking_s")),
    )


def _worker(worker: Mapping[str, Any]) -> WorkerStatus:
    trial, step = worker["trial"], worker["step"]
    place = StoredPlace.read(worker.get("place"))
    return WorkerStatus(
        index=int(worker["slot"]),
        trial=None if trial is None else int(trial),
        running_s=_float(worker["running_s"]),
        step=None if step is None else int(step),
        value=_float(worker["value"]),
        is_ending=bool(worker["ending"]),
        place="" if place is None else str(place),
        thinking_s=_float(worker.get("thinking_s")),
        load=_load(worker.get("load")),
    )


def _load(told: Mapping[str, Any] | None) -> WorkerLoad | None:
    if told is None:
        return None
    return WorkerLoad(*(tuple(map(int, told.get(name, ()))) for name in ("cpu", "memory", "gpu")))


def _float(value: Any) -> float | None:  # noqa: ANN401 - out of JSON
    return None if value is None else float(value)


def _other_program(n_running: int, changed_s_ago: float | None) -> tuple[str, bool]:
    if not n_running:
        return "", False
    if changed_s_ago is not None and changed_s_ago < RECENT_S:
        return "Another program is adding trials to this study.", True
    trials = plural(n_running, "trial is", "trials are")
    return f"{trials} marked as running, but no engine runs this study here.", False

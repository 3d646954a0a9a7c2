"""What runs a study at this moment, for lists."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.readable import plural, show_duration
from hptui.domain.text import safe_line
from hptui.engine.ipc.client import ask_engine, running_engine
from hptui.errors import HptuiError

if TYPE_CHECKING:
    from pathlib import Path

_ANSWER_TIMEOUT_S: Final = 1.0
"""A list does not wait longer for an engine that is busy."""
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class RunNow:
    """A run that goes on; what its engine did not tell is None."""

    state: str
    """`running`, `paused`, `stopping`, `waiting` (for the file), or `unknown`: it did not tell."""
    pid: int | None
    """None where another user or container runs it."""
    host: str
    ended: int | None = None
    """How many trials of this run have ended."""
    n_trials: int | None = None
    """How many it is to have."""
    workers: int | None = None
    eta_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as `hptui ls --json` prints it."""
        return asdict(self)

    def __str__(self) -> str:
        """Return it in a few words: `running 12/100, 2 workers, eta ~3 m`."""
        if self.ended is None:
            return f"runs on {safe_line(self.host, max_chars=40)}"
        done = str(self.ended) if self.n_trials is None else f"{self.ended}/{self.n_trials}"
        parts = [f"{safe_line(self.state, max_chars=20)} {done}"]
        if self.workers is not None:
            parts.append(plural(self.workers, "worker"))
        if self.eta_s is not None and self.state == "running":
            parts.append(f"eta ~{show_duration(self.eta_s)}")
        return ", ".join(parts)


def run_now(path: Path, study_name: str) -> RunNow | None:
    """Return what runs a study, with what its engine tells; None where nobody does."""
    lease = running_engine(path, study_name)
    if lease is None:
        return None
    untold = RunNow(UNKNOWN, lease.pid or None, lease.host)
    try:
        told = ask_engine(path, study_name, {"op": "status"}, timeout_s=_ANSWER_TIMEOUT_S)
    except HptuiError:
        # It is elsewhere, is busy, or has just ended.
        return None if running_engine(path, study_name) is None else untold
    return RunNow(
        state=str(told["state"]),
        pid=lease.pid,
        host=lease.host,
        ended=sum(told["counts"][key] for key in ("complete", "pruned", "fail")),
        n_trials=told["n_trials"],
        workers=len(told["slots"]),
        eta_s=told["eta_s"],
    )

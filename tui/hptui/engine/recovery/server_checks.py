"""What is wrong with studies on a database server: trials whose heartbeat has stopped.

Heartbeats are Optuna's: whoever runs a trial writes the time beside it, again and again. Of a
running trial without one nothing tells whether it still runs; it is told of, and never touched.
"""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.readable import by_count, plural, show_age, show_duration
from hptui.domain.texts.text import safe_line
from hptui.engine.recovery.checks import Examination, Finding
from hptui.errors import HptuiError, UsageError
from hptui.storage.files.running_trials import RunningTrial
from hptui.storage.mirror.heartbeats import trials_running
from hptui.storage.mirror.mirrors import mirror_path
from hptui.storage.mirror.server import refusal_of, url_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.storage.mirror.address import SourceAddress
    from hptui.storage.mirror.heartbeats import TrialThere

_MAX_LISTED: Final = 20
_KEEPING: Final = (
    "Whoever runs them may be gone: Optuna keeps heartbeats with "
    "RDBStorage(url, heartbeat_interval=60)."
)


def examine_there(address: SourceAddress, grace_s: float) -> list[Examination]:
    """Return what is known about the studies on a server, or about the one that is named.

    Args:
        address: The server.
        grace_s: How long a trial may be without a heartbeat before it counts as stale, in seconds.

    Raises:
        UsageError: There is no such study.
        SourceError: The server cannot be read.
    """
    found = trials_running(address)
    if address.only is not None and address.only not in found:
        raise UsageError(
            f"{safe_line(address.shown)} holds no study {safe_line(address.only, max_chars=60)!r}."
        )
    return [_examined(address, name, trials, grace_s) for name, trials in found.items()]


def _examined(
    address: SourceAddress, study_name: str, trials: Sequence[TrialThere], grace_s: float
) -> Examination:
    stale = [each for each in trials if each.silent_s is not None and each.silent_s > grace_s]
    alive = [each for each in trials if each.silent_s is not None and each.silent_s <= grace_s]
    mute = [each for each in trials if each.silent_s is None]
    found = Examination(mirror_path(address), study_name)
    found.left = [_running(each, is_stale=True) for each in stale]
    found.others = [_running(each, is_stale=False) for each in (*alive, *mute)]
    if stale:
        are = by_count(len(stale), "is", "are")
        found.findings.append(
            Finding(
                "leftover",
                f"{plural(len(stale), 'trial')} {are} stale (no heartbeat for longer than "
                f"{show_duration(grace_s)}): {_listed(stale)}.",
                "mark as failed",
                can_be_undone=False,
            )
        )
    if alive:
        are = by_count(len(alive), "is", "are")
        text = f"{plural(len(alive), 'trial')} {are} running: {_listed(alive)}."
        found.findings.append(Finding("running-elsewhere", text, is_trouble=False))
    if mute:
        run, are = by_count(len(mute), "runs", "run"), by_count(len(mute), "is", "are")
        text = f"{plural(len(mute), 'trial')} {run} without heartbeats and {are} left alone: "
        text += f"{_listed(mute)}."
        found.findings.append(Finding("no-heartbeat", text, hint=_KEEPING, is_trouble=False))
    return found


def _running(trial: TrialThere, *, is_stale: bool) -> RunningTrial:
    heard_s = None if trial.silent_s is None else time.time() - trial.silent_s
    return RunningTrial(trial.number, trial.start_s, "", trial.host, heard_s, is_stale)


def _listed(trials: Sequence[TrialThere]) -> str:
    shown = [_describe(each) for each in trials[:_MAX_LISTED]]
    more = len(trials) - _MAX_LISTED
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _describe(trial: TrialThere) -> str:
    """Return a trial's number, with its age and who runs it as far as that is known."""
    if trial.silent_s is not None:
        age = f"last heard of {show_duration(max(0.0, trial.silent_s))} ago"
    elif trial.start_s is not None:
        age = f"begun {show_age(trial.start_s, time.time())}"
    else:
        age = "begun nobody knows when"
    who = f", hptui on {safe_line(trial.host, max_chars=40)}" if trial.host else ""
    return f"{trial.number} ({age}{who})"


def fail_stale_there(
    address: SourceAddress, study_name: str, grace_s: float, *, requeue: bool
) -> str:
    """Mark the stale trials of a study as failed by Optuna's own function; return a sentence.

    Args:
        address: The server.
        study_name: The study.
        grace_s: As for `examine_there`.
        requeue: Let their parameters be tried again.

    Raises:
        SourceError: The server refuses.
    """
    from optuna.exceptions import ExperimentalWarning

    n_before = _n_stale(address, study_name, grace_s)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            _fail_by_optuna(address, study_name, max(1, round(grace_s)), requeue=requeue)
    except HptuiError:
        raise
    except Exception as error:  # drivers raise what they like
        raise refusal_of(address, error, "changed") from error
    count = n_before - _n_stale(address, study_name, grace_s)
    return f"{count} marked as failed{' and enqueued again' if requeue else ''}."


def _fail_by_optuna(
    address: SourceAddress, study_name: str, seconds: int, *, requeue: bool
) -> None:
    import optuna
    from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials

    storage = RDBStorage(
        url_of(address).render_as_string(hide_password=False),
        heartbeat_interval=seconds,
        grace_period=seconds,
        heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback() if requeue else None,
        skip_table_creation=True,
    )
    try:
        fail_stale_trials(optuna.load_study(study_name=study_name, storage=storage))
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _n_stale(address: SourceAddress, study_name: str, grace_s: float) -> int:
    there = trials_running(address.with_study(study_name))
    silent = [each.silent_s for trials in there.values() for each in trials]
    return sum(each is not None and each > grace_s for each in silent)

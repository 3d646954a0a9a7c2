"""The engines that run a study on a server: each has an attribute of the study that says so.

An engine writes its attribute anew with all that it writes, and every BEAT_S besides. Times are
the server's, so that no machine's clock counts.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.domain.attribute_keys import ENGINE_PREFIX, RUN_KEY
from hptui.domain.texts.json_values import read_json
from hptui.domain.texts.readable import show_duration
from hptui.domain.texts.text import safe_line
from hptui.errors import StudyBusyError
from hptui.storage.files.leases import Lease, lease_from

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from optuna.trial import FrozenTrial

BEAT_S: Final = 10.0
"""How often an engine tells that it lives, and of each of its trials that it does, in seconds."""
DEAD_AFTER_S: Final = 60.0
"""An engine on another machine that has told nothing for so long is dead."""
MAX_RUNS: Final = 50
"""So many runs of a study are kept in its attributes."""


@dataclass(frozen=True, slots=True)
class EngineMark:
    """What an engine has written last about itself."""

    lease: Lease
    beat_s: float
    """When it did, in seconds since 1970 by the server's clock."""
    n_written: int = 0
    """How many transactions of it have been committed."""

    @property
    def key(self) -> str:
        """The key of its attribute."""
        return f"{ENGINE_PREFIX}{self.lease.run}"

    def spell(self) -> str:
        """Return its attribute's value."""
        return json.dumps({**self.lease.to_json(), "beat": self.beat_s, "n": self.n_written})

    def is_alive(self, now_s: float) -> bool:
        """Say whether another engine may be running at a time of the server's clock."""
        # An earlier run of this process has ended, whatever it could not say any more.
        is_over = self.lease.pid == os.getpid() or not self.lease.is_alive
        if self.lease.is_here and is_over:
            return False
        return now_s - self.beat_s < DEAD_AFTER_S


def read_mark(text: str) -> EngineMark | None:
    """Return what an attribute says; None where it is damaged."""
    found: object = read_json(text)
    facts = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    lease = lease_from(facts)
    if lease is None:
        return None
    try:
        return EngineMark(lease, float(facts["beat"]), int(facts["n"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def require_alone(others: Iterable[EngineMark], study: str, now_s: float) -> None:
    """Refuse to run a study that another living engine runs.

    Raises:
        StudyBusyError: One does; says which, and what to type to run beside it.
    """
    for mark in others:
        if not mark.is_alive(now_s):
            continue
        lease = mark.lease
        where = "this machine" if lease.is_here else safe_line(lease.host)
        silent = show_duration(max(0.0, now_s - mark.beat_s))
        raise StudyBusyError(
            f"{safe_line(study)} is being run by process {lease.pid} on {where}, which wrote "
            f"{silent} ago.",
            hint="--join runs it from here, too. An engine that has died counts as such after "
            f"{DEAD_AFTER_S:g} s.",
        )


def abandoned(
    running: Iterable[FrozenTrial], living: Collection[str], heartbeats: Mapping[int, float]
) -> list[FrozenTrial]:
    """Return the running trials whose engine is dead.

    Trials without a heartbeat, and those of other programs, are never among them.

    Args:
        running: The trials that are stored as running.
        living: The ids of the runs that go on now.
        heartbeats: For trials that have a heartbeat, by id, how old it is, in seconds.
    """
    return [
        trial
        for trial in running
        if isinstance(run := trial.system_attrs.get(RUN_KEY), str)
        and run not in living
        and trial._trial_id in heartbeats  # pyright: ignore[reportPrivateUsage]
    ]


def merged_runs(stored: str | None, own: str, run: str, max_bytes: int) -> str:
    """Return the list of a study's runs as the server has it, with one run as it is here.

    Args:
        stored: The list on the server, as JSON.
        own: The list in memory; runs that others have begun since may be missing.
        run: The id of the run that only this engine writes.
        max_bytes: How long the text may be; the oldest runs are left out of a longer one.
    """
    there, here = _runs(stored), _runs(own)
    mine = next((each for each in here if each.get("id") == run), None)
    known = {each.get("id") for each in there}
    if not there:
        there = here
    elif mine is not None and run in known:
        there = [mine if each.get("id") == run else each for each in there]
    elif mine is not None:
        there = [*there, mine]
    there = there[-MAX_RUNS:]
    text = json.dumps(there)
    while len(text) > max_bytes and len(there) > 1:
        there = there[1:]
        text = json.dumps(there)
    return text


def _runs(text: str | None) -> list[dict[str, Any]]:
    found: object = None if text is None else read_json(text)
    items = cast("list[object]", found) if isinstance(found, list) else []
    return [cast("dict[str, Any]", each) for each in items if isinstance(each, dict)]

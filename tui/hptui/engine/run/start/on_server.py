"""Beginning a run of a study on a server: what others do there, and what earlier runs have left."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import optuna
from optuna.trial import TrialState

from hptui.domain.attribute_keys import RUN_KEY, STUDY_KEY
from hptui.engine.recovery.unsaved_trials import find_spools
from hptui.engine.run.start.configuration import RunConfiguration
from hptui.errors import HptuiError
from hptui.storage.files.spooled_trials import gather_spooled, new_after
from hptui.storage.server.engines import abandoned
from hptui.storage.server.study_server import StudyServer
from hptui.storage.sqlite.write_buffer import WriteBuffer

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from hptui.engine.ipc.protocol import Message
    from hptui.engine.recovery.lease import StudyHold
    from hptui.engine.recovery.unsaved_trials import Spool
    from hptui.engine.run.start.plan import RunPlan
    from hptui.storage.mirror.address import SourceAddress
    from hptui.storage.sqlite.storage import SqliteStorage

_FIRST_LOOK_S: Final = 600.0
"""How long reading a large study for the first time may take."""
_WAIT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """A study on a server that this engine runs from now on."""

    study: optuna.Study
    abandoned: list[FrozenTrial]
    """The running trials whose engine is dead."""
    n_replayed: int
    """Trials of earlier runs that the server had not taken, and now has."""


def open_server(
    plan: RunPlan, about: Message, address: SourceAddress
) -> tuple[StudyServer, RunConfiguration | None]:
    """Connect to the server of a study, and bring the study's mirror up to date.

    Returns:
        The server, and what was chosen where all had to be checked before tables were made.

    Raises:
        HptuiError: It cannot be reached, or something does not fit.
    """
    server = StudyServer(address)
    try:
        choices = None
        if not server.has_tables():
            choices = RunConfiguration.of(plan, about, None)
            server.make_tables()
        server.look(_FIRST_LOOK_S)
    except BaseException:
        server.close()
        raise
    return server, choices


def claim(
    plan: RunPlan,
    hold: StudyHold,
    storage: SqliteStorage,
    server: StudyServer,
    study: optuna.Study,
) -> Claimed:
    """Say on the server that this engine runs the study, and store what an earlier run could not.

    Raises:
        StudyBusyError: Another engine runs it, and the plan does not join.
    """
    study_id = study._study_id
    living = server.claim(study_id, hold.lease, join=plan.join)
    storage.read_back(_FIRST_LOOK_S)
    study = optuna.Study(study_name=plan.study, storage=storage)
    n_replayed = _replay(plan, storage, server, study)
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    left = abandoned(running, living, server.heartbeats(study_id)) if running else []
    return Claimed(study, left, n_replayed)


def _replay(plan: RunPlan, storage: SqliteStorage, server: StudyServer, study: optuna.Study) -> int:
    about: object = storage.get_study_system_attrs(study._study_id).get(STUDY_KEY)
    token = about.get("token") if isinstance(about, dict) else None  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
    count = 0
    for spool in find_spools(
        plan.study_file, plan.study, token if isinstance(token, str) else None
    ):
        # What cannot be stored stays where it is.
        with contextlib.suppress(HptuiError):
            if not spool.problem:
                count += _store(spool, storage, server, study)
                spool.path.unlink(missing_ok=True)
    return count


def _store(spool: Spool, storage: SqliteStorage, server: StudyServer, study: optuna.Study) -> int:
    """Store trials that the server has not taken; return how many."""
    trials = {each.number: each for each in study.get_trials(deepcopy=False)}
    rows, count = WriteBuffer(server.limits), 0
    for spooled in spool.trials:
        there = trials.get(spooled.number)
        is_it = there is not None and there.system_attrs.get(RUN_KEY) == spooled.origin.run
        if there is not None and is_it and not there.state.is_finished():
            gather_spooled(rows, there._trial_id, spooled)
            count += 1
        elif there is None or not is_it or there.state is TrialState.FAIL:
            # It was taken for dead meanwhile, or never came so far.
            count += new_after(storage, study, spooled)
    if rows:
        server.push(rows, _WAIT_S)
    storage.read_back(_WAIT_S)
    return count

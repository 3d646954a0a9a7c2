"""Steering a study whether an engine runs it or nobody: what is done at rest is for its next run.

Nobody else begins to run a study while its next run is prepared, and where an engine was quicker,
that one is asked. Nothing here needs Optuna.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.domain.next_run import MAX_TRIALS, NextRun
from hptui.domain.spaces.edits import check_params, edits_from_json, edits_to_json
from hptui.domain.spaces.space import spec_to_json
from hptui.domain.study_changes import space_change_text
from hptui.domain.texts.readable import plural
from hptui.domain.texts.run_text import require_possible
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_queue import find_waiting, seats_after, told_queue
from hptui.engine.ipc.client import ask_engine, running_engine
from hptui.engine.studies.held_study import locked_study
from hptui.errors import StudyBusyError, UsageError
from hptui.storage.files.moving import connect_for_writing
from hptui.storage.files.validation import require_writable
from hptui.storage.read.session import find_study, read_study_file
from hptui.storage.read.study_reader import StudyReader
from hptui.storage.sqlite.connection import as_storage_error
from hptui.storage.sqlite.next_run import (
    StoredSpace,
    add_waiting,
    last_workers,
    note_change,
    read_next,
    read_queue,
    read_space,
    seat_waiting,
    withdraw_waiting,
    write_next,
    write_space,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    from hptui.domain.trial_queue import WaitingTrial
    from hptui.engine.ipc.protocol import Message

PREPARED: Final = "next_run"
"""In an answer: whether it is about the next run, since nobody runs the study now."""
_PATIENCE_S: Final = 5.0
"""How long others may begin to run the study, change it, or lock its file."""
_RETRY_S: Final = 0.05


def steer(path: Path, study_name: str, message: Message, *, timeout_s: float = 30.0) -> Message:
    """Have a study's engine do what `message` asks, or prepare its next run where it has none.

    Args:
        path: The study's file.
        study_name: The study.
        message: A request to an engine; at rest `space`, `enqueue`, `queue`, `cancel`, `extend` and
            `jobs` are done,
            and `withdraw` (`what`: trials, workers or waiting). `jobs` takes `by`, too: so many
            more than there are, or are prepared, or the last run had.
        timeout_s: How long an engine may take to answer.

    Returns:
        The answer, with `next_run`.

    Raises:
        UsageError: The request is refused; nothing was changed.
        StudyBusyError: Others keep the study from being written.
        HptuiError: The engine does not answer.
    """
    prepare = _OPERATIONS.get(str(message.get("op")))
    deadline_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            if prepare is None or running_engine(path, study_name) is not None:
                message = _for_engine(path, study_name, message, timeout_s)
                answer = ask_engine(path, study_name, message, timeout_s=timeout_s)
                return {**answer, PREPARED: False}
            return {"ok": True, **prepare(path, study_name, message), PREPARED: True}
        except StudyBusyError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(_RETRY_S)


def _for_engine(path: Path, study_name: str, message: Message, timeout_s: float) -> Message:
    """Return a request as an engine takes it.

    Raises:
        UsageError: There is nothing like it for a run.
    """
    if message.get("op") == "withdraw":
        raise UsageError(
            f"{safe_line(study_name, max_chars=60)} is running, and its waiting trials belong to "
            "the run.",
            hint="Stop the run first, or end a trial with hptui kill.",
        )
    if "by" not in message:
        return message
    status = ask_engine(path, study_name, {"op": "status"}, timeout_s=timeout_s)
    workers = len(status["slots"]) + int(message["by"])
    if workers < 1:
        raise UsageError("There must be at least one worker.")
    return {"op": "jobs", "n": workers}


def next_trials_text(trials: int) -> str:
    """Return the sentence about the trials that are prepared."""
    have = plural(trials, "trial")
    return f"The next run will have {have}, unless you give it a budget."


def next_workers_text(workers: int) -> str:
    """Return the sentence about the workers that are prepared."""
    have = plural(workers, "worker")
    return f"The next run will have {have}, unless you give another number."


def _space(path: Path, study_name: str, message: Message) -> Message:
    wanted = message.get("edits")
    if wanted is None:
        space = read_study_file(path, lambda connection: _space_in(connection, path, study_name))
        return {
            "space": {name: spec_to_json(spec) for name, spec in space.asked.items()},
            "edits": edits_to_json(space.edits),
            "since": dict(space.since),
        }
    edits = edits_from_json(wanted)
    with StudyReader(path, study_name) as reader:
        reader.refresh()
        if message.get("dry"):
            space = read_study_file(
                path, lambda connection: _space_in(connection, path, study_name)
            )
            kept, set_aside = _known(space, study_name).with_edits(edits).count(reader)
            text = f"{plural(kept, 'trial')} would be kept, {set_aside} set aside."
        else:
            with _writing(path, study_name) as (connection, study_id):
                before = _known(read_space(connection, study_id), study_name)
                after = before.with_edits(edits)
                write_space(connection, study_id, after)
                text = space_change_text(edits)
                note_change(connection, study_id, before.next_number, "space", text)
            kept, set_aside = after.count(reader)
            text = f"{plural(kept, 'trial')} kept, {set_aside} set aside, from the next run on."
    return {"kept": kept, "set_aside": set_aside, "text": text}


def _enqueue(path: Path, study_name: str, message: Message) -> Message:
    params: object = message["params"]
    if not isinstance(params, dict):
        raise UsageError('The parameters must be a JSON object, like {"lr": 0.01}.')
    given = cast("dict[str, Any]", params)
    with _writing(path, study_name) as (connection, study_id):
        space = read_space(connection, study_id)
        check_params(given, _known(space, study_name).effective() if given else {})
        number = add_waiting(connection, study_id, given)
    return {"text": f"Trial {number} waits for the next run.", "trial": number}


def _queue(path: Path, study_name: str, message: Message) -> Message:
    if message.get("trial") is None:

        def read(connection: sqlite3.Connection) -> list[WaitingTrial]:
            return read_queue(connection, find_study(connection, path, study_name).study_id)

        return {"waiting": told_queue(read_study_file(path, read)), "text": "Told."}
    number = int(message["trial"])
    with _writing(path, study_name) as (connection, study_id):
        line = read_queue(connection, study_id)
        seat_waiting(connection, study_id, seats_after(line, number, int(message.get("to") or 0)))
        waiting = told_queue(read_queue(connection, study_id))
    return {"waiting": waiting, "text": f"Moved trial {number}."}


def _cancel(path: Path, study_name: str, message: Message) -> Message:
    number = int(message["trial"])
    with _writing(path, study_name) as (connection, study_id):
        find_waiting(read_queue(connection, study_id), number)
        withdraw_waiting(connection, study_id, number)
        waiting = told_queue(read_queue(connection, study_id))
    return {"waiting": waiting, "text": f"Cancelled trial {number}; it is stored as failed."}


def _extend(path: Path, study_name: str, message: Message) -> Message:
    more = int(message["trials"])
    if not more:
        raise UsageError("Add 1 trial or more, or take some away with a number below 0.")
    with _writing(path, study_name) as (connection, study_id):
        before = read_next(connection, study_id)
        trials = (before.trials or 0) + more
        if trials > MAX_TRIALS:
            raise UsageError(f"The next run may have {MAX_TRIALS:,} trials at most.")
        if trials < 1:
            raise UsageError(
                f"{plural(before.trials or 0, 'trial is', 'trials are')} prepared for the next "
                f"run, so {-more} cannot be taken away.",
                hint="hptui extend STUDY --withdraw withdraws what is prepared.",
            )
        write_next(connection, study_id, NextRun(trials, before.workers))
    return {"text": next_trials_text(trials), "trials": trials}


def _jobs(path: Path, study_name: str, message: Message) -> Message:
    with _writing(path, study_name) as (connection, study_id):
        before = read_next(connection, study_id)
        if "by" in message:
            usual = last_workers(connection, study_id) or _n_cores()
            workers = (before.workers or usual) + int(message["by"])
            if workers < 1:
                raise UsageError("The next run must have at least one worker.")
        else:
            workers = int(message["n"])
        require_possible(workers)
        write_next(connection, study_id, NextRun(before.trials, workers))
    return {"text": next_workers_text(workers), "workers": workers}


def _n_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _withdraw(path: Path, study_name: str, message: Message) -> Message:
    what = str(message["what"])
    with _writing(path, study_name) as (connection, study_id):
        if what == "waiting":
            count = withdraw_waiting(connection, study_id)
            text = (
                f"Withdrew {plural(count, 'waiting trial')}; stored as failed."
                if count
                else "No trial is waiting."
            )
            return {"text": text, "withdrawn": count}
        before = read_next(connection, study_id)
        write_next(connection, study_id, before.without((what,)))
        after = before.without((what,))
    if after == before:
        return {"text": f"No {what} are prepared for the next run.", "withdrawn": 0}
    return {
        "text": f"The next run will have as many {what} as you give it, or the default.",
        "withdrawn": (before.trials if what == "trials" else before.workers) or 0,
    }


_OPERATIONS: Final[Mapping[str, Callable[[Path, str, Message], Message]]] = {
    "space": _space,
    "enqueue": _enqueue,
    "queue": _queue,
    "cancel": _cancel,
    "extend": _extend,
    "jobs": _jobs,
    "withdraw": _withdraw,
}


def _space_in(connection: sqlite3.Connection, path: Path, study_name: str) -> StoredSpace:
    return read_space(connection, find_study(connection, path, study_name).study_id)


def _known(space: StoredSpace, study_name: str) -> StoredSpace:
    """Return a space of which some parameter is known.

    Raises:
        UsageError: None is.
    """
    if not space.asked:
        raise UsageError(
            f"The parameters of {safe_line(study_name, max_chars=60)} are unknown before its "
            "first trial.",
            hint="Use hptui run --space, --choices, --fix or --enqueue instead.",
        )
    return space


@contextmanager
def _writing(path: Path, study_name: str) -> Generator[tuple[sqlite3.Connection, int]]:
    """Hold a study and yield a connection within a transaction, and the study's id.

    Raises:
        StudyBusyError: An engine runs it, a command changes it, or the file is locked.
        StudyFileError: It is not there, or the file cannot be written.
    """
    require_writable(path)
    with locked_study(path, study_name):
        try:
            with closing(connect_for_writing(path)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection, find_study(connection, path, study_name).study_id
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise as_storage_error(error, path) from error

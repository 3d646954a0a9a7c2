"""What runs in a worker process: takes trials from the engine and runs the objective."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.exceptions import TrialPruned

from hptui.domain.objective import ObjectiveRef
from hptui.domain.spaces.space import spec_to_json
from hptui.engine.ipc.protocol import Message, ProtocolError, WorkerLink
from hptui.engine.run.outcome import (
    TrialError,
    TrialFailed,
    ValueRefused,
    check_values,
    describe_exception,
)
from hptui.engine.run.repeating import run_repeatedly
from hptui.engine.workers import worker_process
from hptui.engine.workers.machine.descriptors import put_limit_back
from hptui.engine.workers.machine.peak_memory import NO_PEAK, PeakMemory
from hptui.engine.workers.machine.places import keep_to
from hptui.engine.workers.machine.versions import Versions
from hptui.engine.workers.remote_storage import RemoteStorage
from hptui.engine.workers.sandbox import ProcessSandbox, Sandbox, ThreadSandbox
from hptui.engine.workers.scratch import SharedScratchFolders
from hptui.engine.workers.trial_link import TrialEnded, TrialLink
from hptui.engine.workers.worker_trial import WorkerTrial
from hptui.errors import HptuiError
from hptui.registry.loading.core_count import limit_core_count
from hptui.registry.loading.load import load_objective, loaded_info
from hptui.registry.scripts.script_process import act_as_program

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

    from hptui.domain.objective import ObjectiveInfo

Objective = Callable[[Any], object]
Constraints = Callable[["FrozenTrial"], Sequence[float]]

_SPENT: Message = {"spent": True}


def run_worker_process(config: Message) -> None:
    """Serve trials until the engine says to end.

    Args:
        config: `socket`, `home`, `log` (paths), `objective` (a reference), `workers` (a token for
            each worker of this process: one, or one for each thread), `threads` (bool),
            `max_files` (how many may be open), `cores` (those that it keeps to; none: any).
    """
    is_dismissed = False
    try:
        is_dismissed = _run_worker_process(config)
    finally:
        if not is_dismissed:
            # The engine is gone, or waits for this process to serve or to end.
            traceback.print_exc()
            os._exit(1)


def _run_worker_process(config: Message) -> bool:
    """Serve trials; False when not all that serve here were told to end."""
    home = Path(config["home"])
    process_log = Path(config["log"])
    put_limit_back(config["max_files"])
    worker_process.settle(process_log)
    os.chdir(home)
    if config["cores"]:
        keep_to(config["cores"])
    limit_core_count()
    threads = bool(config["threads"])
    router = worker_process.install_router() if threads else None
    ref = ObjectiveRef.from_json(config["objective"])
    socket_path = Path(config["socket"])
    tokens: list[str] = config["workers"]
    _prepare_warnings()
    is_dismissed: list[bool] = []

    def serve_all(served: _Served) -> None:
        # A script may have gone where its data are.
        place = Path.cwd() if ref.kind == "script" else home
        if router is None:
            alone = ProcessSandbox(place, process_log)
            measured = replace(served, memory=PeakMemory())
            is_dismissed.append(_serve(socket_path, tokens[0], measured, alone))
        else:
            is_dismissed.append(_serve_in_threads(socket_path, tokens, served, place, router))

    try:
        if ref.kind == "script":
            _run_script(ref, serve_all)
        else:
            serve_all(_load(ref))
    except HptuiError as error:
        _say_unready(socket_path, tokens[0], error)
        return True
    # A child that the script has forked ends here, too, and was told nothing.
    return any(is_dismissed)


def _serve_in_threads(
    socket_path: Path,
    tokens: list[str],
    served: _Served,
    home: Path,
    router: worker_process.StreamRouter,
) -> bool:
    """Serve in a thread for each token; False when not all were told to end."""
    folders = SharedScratchFolders()
    dismissed: list[str] = []

    def serve(token: str) -> None:
        shared = ThreadSandbox(home, router, folders)
        if _serve(socket_path, token, served, shared):
            dismissed.append(token)

    running = [threading.Thread(target=serve, args=(token,), daemon=True) for token in tokens]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    folders.close()
    return len(dismissed) == len(tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """The objective whose trials run here."""

    function: Objective
    about: Message
    """What the engine is told of it."""
    constraints: Constraints | None = None
    """What a script's sampler asks of each trial when it has ended."""
    memory: PeakMemory = NO_PEAK
    """Tells the memory of one trial after the other; of trials in threads nothing is known."""
    study: optuna.Study | None = None
    """What a script calls its study: it stands for the trial's while one runs."""


def _prepare_warnings() -> None:
    # An author's warnings belong to the log, never to the outcome of a trial.
    warnings.simplefilter("default")
    # It counts the worker's share of the cores, not what `num_workers` asks for.
    warnings.filterwarnings("ignore", message="This DataLoader will create")


def _load(ref: ObjectiveRef) -> _Served:
    act_as_program(Path(ref.target) if ref.kind == "file" else None)
    objective: Objective
    if ref.kind == "command":
        # What another Python lacks is imported for commands alone, which run in hptui's own.
        from hptui.engine.programs.command_trial import CommandObjective
        from hptui.registry.commands.command import CommandSpec

        spec = CommandSpec.of(ref)
        objective, info = CommandObjective(spec), spec.info()
    else:
        objective = load_objective(ref)
        info = loaded_info(objective, ref)
    return _Served(function=objective, about=_about(info))


def _about(info: ObjectiveInfo) -> Message:
    return {
        "name": info.name,
        "directions": list(info.directions),
        "metric_names": list(info.metric_names),
        "sampler": info.sampler,
        "pruner": info.pruner,
        "doubt": info.doubt,
        "space": {name: spec_to_json(spec) for name, spec in info.space.items()},
    }


def _run_script(ref: ObjectiveRef, serve: Callable[[_Served], None]) -> None:
    """Run a script up to the study that is meant, and serve from there.

    Raises:
        HptuiError: It does not come there.
    """
    from hptui.registry.scripts.script import CapturedStudy, run_script

    def serve_captured(captured: CapturedStudy) -> None:
        serve(
            _Served(
                function=captured.objective,
                about=_about(captured.info) | {"script": captured.about.to_json()},
                constraints=captured.constraints,
                study=captured.study,
            )
        )

    run_script(ref, serve_captured)


def _say_unready(socket_path: Path, token: str, error: HptuiError) -> None:
    detail = str(getattr(error, "detail", ""))
    problem = {"message": error.message, "hint": error.hint, "detail": detail}
    WorkerLink(socket_path, {"op": "unready", "token": token, "error": problem}).close()


def _serve(
    socket_path: Path,
    token: str,
    served: _Served,
    sandbox: Sandbox,
) -> bool:
    """Run the trials that the engine orders; False when it ends without telling to end."""
    is_dismissed = False
    hello: Message = {
        "op": "hello",
        "token": token,
        "pid": os.getpid(),
        "versions": Versions.here().to_json(),
        "objective": served.about,
    }
    link = WorkerLink(socket_path, hello)
    storage: RemoteStorage | None = None
    # After what is no message an order may be lost: another process serves then.
    with contextlib.suppress(ConnectionError, OSError, ProtocolError):
        while True:
            order = link.next_order()
            operation = order.get("op")
            if operation == "exit":
                is_dismissed = True
                break
            if operation == "skip":
                link.send({"op": "done", "n": order["n"], "state": "ended"})
            if operation == "run":
                own = TrialLink(link, order["n"], watches=sandbox.watches_for_stop)
                storage = RemoteStorage(own) if storage is None else storage.for_trial(own)
                link.send(_run_trial(own, storage, order, served, sandbox))
    sandbox.close()
    link.close()
    return is_dismissed


def _run_trial(
    own: TrialLink,
    storage: RemoteStorage,
    order: Message,
    served: _Served,
    sandbox: Sandbox,
) -> Message:
    """Run one trial and return how it ended; nothing of the objective escapes."""
    pid = os.getpid()
    served.memory.begin()
    sandbox.begin(order["log"], order["scratch"], order["seed"])
    try:
        trial = WorkerTrial(own, order, storage)
        if served.study is not None:
            trial.study.take_place_of(served.study, by_thread=sandbox.watches_for_stop)
        ended = _call(served, trial, len(order["directions"]), order.get("repeat") or [])
    finally:
        if os.getpid() != pid:
            # The objective forked and its child came back here: it must not serve trials.
            os._exit(0)
        # A thread that lives on must neither send nor receive after the trial's last message.
        own.close()
    peak = served.memory.end()
    is_whole = sandbox.end(keep=ended["state"] == "complete")
    return {"op": "done", "n": order["n"], **ended, **peak, **({} if is_whole else _SPENT)}


def _call(served: _Served, trial: WorkerTrial, n_objectives: int, seeds: Sequence[int]) -> Message:
    repeats: list[tuple[float, ...]] = []
    try:
        if seeds:
            values = run_repeatedly(served.function, trial, seeds, n_objectives, repeats)
        else:
            values = check_values(served.function(trial), n_objectives)
        told = {"repeats": repeats} if repeats else {}
        return {"state": "complete", "values": values, **told, **_constraints_of(served, trial)}
    except TrialPruned as pruned:
        return _pruned(served, trial, pruned) | ({"repeats": repeats} if repeats else {})
    except TrialEnded as ended:
        return {"state": "ended", "message": ended.reason}
    except TrialFailed as lacking:
        return _failed(lacking.error)
    except ValueRefused as refused:
        return _failed(TrialError("value", "", f"the objective {refused}"))
    except BaseException as problem:  # noqa: BLE001 - whatever it is, it is this trial's failure
        return _failed_by(problem)


def _pruned(served: _Served, trial: WorkerTrial, pruned: TrialPruned) -> Message:
    # Without arguments its text would be its own name.
    message = describe_exception(pruned).message if pruned.args else ""
    try:
        return {"state": "pruned", "message": message} | _constraints_of(served, trial)
    except TrialEnded as ended:
        return {"state": "ended", "message": ended.reason}
    except BaseException as problem:  # noqa: BLE001 - as in `_call`
        return _failed_by(problem)


def _failed_by(problem: BaseException) -> Message:
    error = describe_exception(problem)
    # The objective may have closed the stream, or its disk may be full.
    with contextlib.suppress(OSError, ValueError):
        print(error.traceback, file=sys.stderr)  # noqa: T201 - into the trial's log
    return _failed(error)


def _failed(error: TrialError) -> Message:
    return {"state": "failed", "error": error.to_json()}


def _constraints_of(served: _Served, trial: WorkerTrial) -> Message:
    """Return the constraints of a trial by what a script has given to its sampler."""
    if served.constraints is None:
        return {}
    frozen = trial.storage.get_trial(trial._trial_id)
    # What the trial has set, not what JSON has made of it.
    frozen.user_attrs = trial.user_attrs
    values = [float(value) for value in served.constraints(frozen)]
    if any(map(math.isnan, values)):
        raise ValueError("Constraint values cannot be NaN.")
    return {"constraints": values}

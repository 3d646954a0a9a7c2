"""What runs in a worker process: takes trials from the engine and runs the objective."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import stat
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from optuna.exceptions import TrialPruned

from hptui.domain.objective import ObjectiveRef
from hptui.engine import host
from hptui.engine.outcome import TrialError, ValueRefused, check_values, describe_exception
from hptui.engine.protocol import Message, WorkerLink
from hptui.engine.worker_trial import TrialEnded, WorkerTrial
from hptui.errors import HptuiError

Objective = Callable[[Any], object]


class TrialEnvironment(Protocol):
    """What surrounds one trial."""

    watches_for_stop: bool

    def around(self, log: Path, scratch: Path, seed: int) -> AbstractContextManager[None]:
        """Around."""
        ...


def run_host(config: Message) -> None:
    """Serve trials until the engine says to end; the one task that loky runs.

    Args:
        config: `socket`, `home`, `log` (paths), `objective` (a reference), `workers` (a token for
            each worker of this process: one, or one for each thread), `threads` (bool).
    """
    home = Path(config["home"])
    host_log = Path(config["log"])
    host.settle(host_log)
    os.chdir(home)
    threads = bool(config["threads"])
    router = host.install_router() if threads else None
    ref = ObjectiveRef.from_json(config["objective"])
    socket_path = Path(config["socket"])
    tokens: list[str] = config["workers"]
    try:
        objective, about = _load(ref)
    except HptuiError as error:
        _say_unready(socket_path, tokens[0], error)
        return
    sweeper = threading.Thread(target=_remove_empty_folders, daemon=True)
    sweeper.start()
    try:
        _serve_all(socket_path, tokens, objective, about, home, host_log, router)
    finally:
        _empty_folders.put(None)
        sweeper.join()


def _serve_all(
    socket_path: Path,
    tokens: list[str],
    objective: Objective,
    about: Message,
    home: Path,
    host_log: Path,
    router: host.StreamRouter | None,
) -> None:
    if router is None:
        environment = host.ProcessTrialEnvironment(home, host_log)
        _serve(socket_path, tokens[0], objective, about, environment)
        return
    shared = host.ThreadTrialEnvironment(home, router)
    running = [
        threading.Thread(
            target=_serve, args=(socket_path, token, objective, about, shared), daemon=True
        )
        for token in tokens
    ]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def _load(ref: ObjectiveRef) -> tuple[Objective, Message]:
    from hptui.domain.space import spec_to_json
    from hptui.registry.load import load_objective, loaded_info

    # An author's warnings belong to the log, never to the outcome of a trial.
    warnings.simplefilter("default")
    objective = load_objective(ref)
    info = loaded_info(objective, ref)
    about: Message = {
        "name": info.name,
        "directions": list(info.directions),
        "metric_names": list(info.metric_names),
        "sampler": info.sampler,
        "pruner": info.pruner,
        "space": {name: spec_to_json(spec) for name, spec in info.space.items()},
    }
    return objective, about


def _say_unready(socket_path: Path, token: str, error: HptuiError) -> None:
    detail = str(getattr(error, "detail", ""))
    problem = {"message": error.message, "hint": error.hint, "detail": detail}
    WorkerLink(socket_path, {"op": "unready", "token": token, "error": problem}).close()


def _serve(
    socket_path: Path,
    token: str,
    objective: Objective,
    about: Message,
    environment: TrialEnvironment,
) -> None:
    hello: Message = {"op": "hello", "token": token, "pid": os.getpid(), "objective": about}
    link = WorkerLink(socket_path, hello)
    with contextlib.suppress(ConnectionError, OSError):
        while True:
            order = link.receive()
            if order["op"] == "exit":
                break
            if order["op"] == "run":
                link.send(_run_trial(link, order, objective, environment))
    link.close()


def _run_trial(
    link: WorkerLink, order: Message, objective: Objective, environment: TrialEnvironment
) -> Message:
    """Run one trial and return how it ended; nothing of the objective escapes."""
    scratch = Path(order["scratch"])
    result: Message = {"op": "done", "n": order["n"]}
    facts = {**order, "watch": environment.watches_for_stop}
    pid = os.getpid()
    with environment.around(Path(order["log"]), scratch, order["seed"]):
        try:
            ended = _call(objective, WorkerTrial(link, facts), len(order["directions"]))
        finally:
            if os.getpid() != pid:
                # The objective forked and its child came back here: it must not serve trials.
                os._exit(0)
    result |= ended
    clear_scratch(scratch, keep=result["state"] == "complete")
    return result


def _call(objective: Objective, trial: WorkerTrial, n_objectives: int) -> Message:
    try:
        returned = objective(trial)
        return {"state": "complete", "values": check_values(returned, n_objectives)}
    except TrialPruned as pruned:
        return {"state": "pruned", "message": describe_exception(pruned).message}
    except TrialEnded as ended:
        return {"state": "ended", "message": ended.reason}
    except ValueRefused as refused:
        error = TrialError("value", "", f"the objective {refused}")
    except BaseException as problem:  # noqa: BLE001 - whatever it is, it is this trial's failure
        error = describe_exception(problem)
        print(error.traceback, file=sys.stderr)  # noqa: T201 - into the trial's log
    return {"state": "failed", "error": error.to_json()}


def clear_scratch(folder: Path, *, keep: bool) -> None:
    """Remove a trial's folder with all that is in it, or with `keep` only when it is empty."""
    if keep:
        _empty_folders.put(folder)
        return
    if not folder.is_symlink() and not folder.exists():
        return
    try:
        folder.rmdir()
    except OSError:
        _unlock(folder)
        shutil.rmtree(folder, ignore_errors=True)


_empty_folders: queue.SimpleQueue[Path | None] = queue.SimpleQueue()


def _remove_empty_folders() -> None:
    """Remove the folders of completed trials that used none; next to a syncing disk it is slow."""
    while (folder := _empty_folders.get()) is not None:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _unlock(folder: Path) -> None:
    # An objective may have taken away its own right to delete.
    if folder.is_symlink():
        folder.unlink()
        return
    for root, folders, _ in os.walk(folder):
        for name in [root, *(str(Path(root) / each) for each in folders)]:
            with contextlib.suppress(OSError):
                if not Path(name).is_symlink():
                    Path(name).chmod(stat.S_IRWXU)

"""Starting an engine that outlives who started it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from itertools import takewhile
from typing import TYPE_CHECKING

from hptui.domain.texts.text import safe_text
from hptui.engine.ipc.client import ask_engine, running_engine
from hptui.engine.recovery.lease import folder_of
from hptui.errors import HptuiError
from hptui.storage.files.staging import staging_folder, temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

OUTPUT_NAME = "run.log"
"""What a launched engine prints, in the study's folder."""
_POLL_S = 0.02
_ENDS_OF_A_RUN = (0, 3)
"""Exit codes of a run that was over before it was looked at: with complete trials, or without."""
_MAX_TOLD_BYTES = 30_000
_ENDING_S = 5.0


def launch(
    arguments: Sequence[str],
    study_file: Path,
    study: str,
    *,
    variables: Mapping[str, str] | None = None,
    timeout_s: float = 120.0,
    on_progress: Callable[[str], bool] = lambda _: True,
) -> int:
    """Start `hptui run` in a session of its own and return its process id once its run has begun.

    It has no terminal and survives the end of this process; its working directory is this one's.

    Args:
        arguments: What follows `hptui run`; it must name `study` in `study_file`.
        study_file: Where its lease will be looked for.
        study: The study's name in that file.
        variables: What its environment has besides this process's.
        timeout_s: How long loading the objective and probing it may take.
        on_progress: Called again and again with what is done now, a few words; the process is ended
            when it returns False.

    Raises:
        HptuiError: It ended before its run began, with the reason it printed and its exit code, or
            it took longer than `timeout_s` and was ended, or `on_progress` said so.
    """
    with _output_beside(study_file) as output:
        with output.open("wb") as stream:
            # -P: objectives are loaded as by the `hptui` script, without the folder hptui is in.
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "hptui", "run", "--quiet", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env={**os.environ, **(variables or {})},
                start_new_session=True,
            )
        try:
            _wait_for_run(process, output, study_file, study, timeout_s, on_progress)
        except BaseException:
            if process.poll() is None:
                _end(process)
            raise
        _keep_output(output, folder_of(study_file, study) / OUTPUT_NAME)
    # Collects the exit status, so that no zombie looks like a running engine.
    threading.Thread(target=process.wait, daemon=True).start()
    return process.pid


@contextlib.contextmanager
def _output_beside(study_file: Path) -> Generator[Path]:
    """Yield a file for what a run prints till its study has a folder, if it can on its disk."""
    if os.access(study_file.parent, os.W_OK | os.X_OK):
        place = staging_folder(study_file)
    else:
        place = temporary_folder(study_file.name)
    with place as folder:
        yield folder / OUTPUT_NAME


def _keep_output(output: Path, target: Path) -> None:
    # The process goes on writing to it under its new name.
    try:
        output.replace(target)
    except OSError:
        # On another disk there is a copy of what it has said.
        with contextlib.suppress(OSError):
            shutil.copyfile(output, target)


def _wait_for_run(
    process: subprocess.Popen[bytes],
    output: Path,
    study_file: Path,
    study: str,
    timeout_s: float,
    on_progress: Callable[[str], bool],
) -> None:
    deadline_s = time.monotonic() + timeout_s
    while True:
        lease = running_engine(study_file, study)
        has_lease = lease is not None and lease.pid == process.pid
        if has_lease and _answers(study_file, study):
            return
        try:
            code = process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            code = None
        if code in _ENDS_OF_A_RUN:
            return
        if code is not None:
            raise _refusal(output, code)
        if not on_progress("preparing the run" if has_lease else "loading the objective"):
            _end(process)
            raise HptuiError("The run did not start.")
        if time.monotonic() > deadline_s:
            _end(process)
            raise HptuiError(
                f"The engine did not start within {timeout_s:g} s.",
                hint="Use `hptui run` in a terminal to see what takes so long.",
            )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_ENDING_S)
    process.kill()
    process.wait()


def _answers(study_file: Path, study: str) -> bool:
    try:
        ask_engine(study_file, study, {"op": "status"}, timeout_s=1.0)
    except HptuiError:
        # It holds the study, and prepares the run.
        return False
    return True


def _refusal(output: Path, code: int) -> HptuiError:
    """Return the error that a program has told at its end, as `cli.main` prints it."""
    with output.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _MAX_TOLD_BYTES))
        told = safe_text(
            stream.read().decode("utf-8", "backslashreplace"), max_chars=_MAX_TOLD_BYTES
        )
    # Before it there may be notes.
    _, begin, said = f"\n{told.strip()}".rpartition("\nhptui: ")
    lines = (said if begin else told.strip()).splitlines() or [f"It ended with exit code {code}."]
    hints = list(takewhile(lambda line: line.startswith("  "), lines[1:]))
    detail = "\n".join(lines[1 + len(hints) :])
    error = HptuiError(lines[0], hint="\n".join(line[2:] for line in hints), detail=detail)
    error.exit_code = code if code > 0 else HptuiError.exit_code
    return error

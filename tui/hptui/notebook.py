"""hptui from Python and from notebooks: `hptui.run` and `hptui.open`.

The engine is a process of its own, as after `hptui run --detach`: the run goes on when the kernel
ends, and every command and the application work on the study meanwhile. A function that only
Python knows, as one of a notebook's cell, travels by value (cloudpickle, as joblib does).
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.cli.commands.steering.status import IDLE, status_of
from hptui.cli.options.locate import locate_study, storage_file, studies_folder
from hptui.domain.study_name import check_study_name, fitting_name
from hptui.domain.study_ref import StudyRef
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.text import safe_line
from hptui.engine.ipc.client import ask_engine, running_engine
from hptui.engine.run.start.launch import launch
from hptui.errors import HptuiError, ObjectiveError
from hptui.storage.files.studies_folder import study_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import optuna

__all__ = ["Study", "open_study", "run"]

_POLL_S: Final = 0.25
_LOADER: Final = '''\
"""The function {name}, which hptui.run was given in {folder}."""

# code: {sha}
import sys
from pathlib import Path

for folder in {path!r}:
    if folder not in sys.path:
        sys.path.append(folder)

import cloudpickle

objective = cloudpickle.loads(Path(__file__).with_suffix(".pickle").read_bytes())
'''


@dataclass(frozen=True, slots=True)
class Study:
    """A study in a file, whether it runs or not."""

    name: str
    file: Path

    def load(self) -> optuna.Study:
        """Return Optuna's own study, to read; what runs in hptui goes on."""
        import optuna

        return optuna.load_study(study_name=self.name, storage=f"sqlite:///{self.file}")

    def status(self) -> dict[str, Any]:
        """Return what `hptui status --json` prints.

        Raises:
            HptuiError: The file cannot be read, or the engine does not answer.
        """
        return status_of(StudyRef(self.file, self.name))

    @property
    def is_running(self) -> bool:
        """Whether an engine runs it now."""
        return running_engine(self.file, self.name) is not None

    def stop(self, *, now: bool = False) -> None:
        """Let the run end: after the trials that are running, or with `now` at once.

        Raises:
            HptuiError: No engine runs it, or it does not answer.
        """
        ask_engine(self.file, self.name, {"op": "stop", "now": now})

    def wait(self, *, progress: bool = True) -> Study:
        """Wait until nobody runs the study, with a progress bar, and return it.

        Interrupting the kernel (Ctrl+C) asks the run to end and waits for its last trials; doing
        it again ends those, too.

        Raises:
            HptuiError: The run had no complete trial and something was wrong with it as a whole.
        """
        with _Bar(is_shown=progress) as bar:
            is_stopped = False
            while True:
                try:
                    while self.is_running:
                        bar.show(self._status_now())
                        threading.Event().wait(_POLL_S)
                    break
                except KeyboardInterrupt:
                    with contextlib.suppress(HptuiError):
                        self.stop(now=is_stopped)
                    is_stopped = True
            status = self.status()
            bar.show(status)
        last: dict[str, Any] = status["last_run"] or {}
        if last.get("error") and not status["counts"]["complete"]:
            raise HptuiError(
                f"{safe_line(self.name)}: {safe_line(last['error'], max_chars=400)}",
                hint=f"hptui show {safe_line(self.name)} tells more.",
            )
        return self

    def _status_now(self) -> dict[str, Any] | None:
        # It may have just ended, or be busy with a commit.
        with contextlib.suppress(HptuiError):
            return self.status()
        return None


def open_study(study: str | Path, *, studies: str | Path | None = None) -> Study:
    """Return a study by its name, `path/to/file.db` or `file.db:name`.

    Raises:
        UsageError: There is no such study, or it is not clear which.
        StudyFileError: Its file is no study file, or cannot be read.
    """
    place = locate_study(str(study), studies=None if studies is None else Path(studies))
    return Study(place.study_name, place.path)


def run(
    objective: Callable[[optuna.Trial], object] | str | Path,
    n_trials: int | None = None,
    *,
    study: str | None = None,
    direction: str | Sequence[str] | None = None,
    timeout_s: float | None = None,
    target: float | None = None,
    n_workers: int | None = None,
    sampler: str | None = None,
    pruner: str | None = None,
    seed: int | None = None,
    space: Mapping[str, str] | None = None,
    enqueue: Sequence[Mapping[str, Any]] = (),
    storage: str | Path | None = None,
    studies: str | Path | None = None,
    options: Sequence[str] = (),
    wait: bool = True,
    progress: bool = True,
) -> Study:
    """Tune an objective in parallel worker processes and return its study.

    Args:
        objective: A function of a trial, also one of a notebook's cell; or what `hptui run` takes:
            a registered name, `train.py`, `train.py:objective`.
        n_trials: How many trials to run; 100 where nothing else ends the run.
        study: The study's name; by default it is the objective's.
        direction: `minimize` (the default) or `maximize`, once for each objective.
        timeout_s: When the run ends, in seconds.
        target: The value at which it ends.
        n_workers: How many trials run at once; by default one a core.
        sampler: As for `--sampler`.
        pruner: As for `--pruner`.
        seed: Makes the run repeatable.
        space: Edits of ranges by parameter, each as for `--space`: `{"lr": "1e-4..1e-1:log"}`.
        enqueue: Parameters to try first.
        storage: The study file; by default it is `NAME.db` in the studies folder.
        studies: The studies folder.
        options: Further options of `hptui run`, as on the command line.
        wait: Whether to wait for the end; without, `Study.wait` does.
        progress: Whether to show a progress bar.

    Raises:
        HptuiError: Something does not fit, with a hint of what to do; nothing has been written.
    """
    named = study or _name_of(objective)
    if storage is None:
        check_study_name(named)
        file = study_file(studies_folder(None if studies is None else Path(studies)), named)
    else:
        file = storage_file(str(storage))
    arguments = [_spelled(objective, named, file), "--study", named, "--storage", str(file)]
    directions = [direction] if isinstance(direction, str) else list(direction or ())
    arguments += [text for each in directions for text in ("--direction", each)]
    given = {
        "--trials": n_trials,
        "--timeout": None if timeout_s is None else f"{timeout_s:g}s",
        "--target": target,
        "--workers": n_workers,
        "--sampler": sampler,
        "--pruner": pruner,
        "--seed": seed,
    }
    arguments += [f"{option}={value}" for option, value in given.items() if value is not None]
    arguments += [f"--space={name}={text}" for name, text in (space or {}).items()]
    arguments += [f"--enqueue={dump(dict(each))}" for each in enqueue]
    launch([*arguments, *options], file, named)
    started = Study(named, file)
    return started.wait(progress=progress) if wait else started


def _name_of(objective: object) -> str:
    if callable(objective):
        name = getattr(objective, "__name__", None) or type(objective).__name__
    else:
        text = Path(str(objective)).name
        name = text.replace(".py", "").replace(":objective", "").replace(":", "-")
    return fitting_name(name)


def _spelled(objective: object, study: str, file: Path) -> str:
    """Return what stands for an objective on a command line."""
    if not callable(objective):
        return str(objective)
    folder = _code_folder() / hashlib.sha256(f"{file.resolve()}:{study}".encode()).hexdigest()[:16]
    name = getattr(objective, "__name__", None) or type(objective).__name__
    stem = name if name.isidentifier() else "objective"
    return f"{_store(objective, folder, stem)}:objective"


def _code_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("hptui")) / "functions"


def _store(objective: Callable[..., object], folder: Path, stem: str) -> Path:
    """Write a function by value, and a file that loads it, which is the objective to a run.

    Raises:
        ObjectiveError: It cannot be pickled.
    """
    import cloudpickle  # pyright: ignore[reportMissingTypeStubs]

    try:
        pickled: bytes = cloudpickle.dumps(objective)  # pyright: ignore[reportUnknownMemberType]
    except Exception as error:  # whatever the objects that it refers to raise
        raise ObjectiveError(
            f"{safe_line(stem)} cannot be sent to worker processes: "
            f"{safe_line(f'{type(error).__name__}: {error}')}",
            hint="Open files, connections and locks inside the function.",
        ) from error
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{stem}.py"
    told = _LOADER.format(
        name=safe_line(stem),
        folder=safe_line(Path.cwd()),
        sha=_sha_of(objective, pickled),
        # An empty entry is the folder of the kernel.
        path=[os.path.abspath(each) for each in sys.path],  # noqa: PTH100 - entries may be zips
    )
    for target, data in ((path.with_suffix(".pickle"), pickled), (path, told.encode())):
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        draft.write_bytes(data)
        draft.replace(target)
    return path


def _sha_of(objective: Callable[..., object], pickled: bytes) -> str:
    """Return a digest of a function's source, since pickles of the same code may differ."""
    function: Any = inspect.unwrap(objective)
    try:
        is_function = inspect.isroutine(function)
        code = inspect.getsource(cast("Any", function if is_function else type(function)))
    except (OSError, TypeError):
        return hashlib.sha256(pickled).hexdigest()
    return hashlib.sha256(code.encode()).hexdigest()


class _Bar:
    """A progress bar: of a notebook where that can draw one, else in text."""

    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown = is_shown
        self._bar: Any = None

    def __enter__(self) -> _Bar:
        if self._is_shown:
            import warnings

            with warnings.catch_warnings():
                # It warns where a notebook has no widgets, and then draws text.
                warnings.simplefilter("ignore")
                from tqdm.auto import tqdm

                self._bar = tqdm(unit="trial")
        return self

    def show(self, status: dict[str, Any] | None) -> None:
        """Draw where the run stands."""
        if self._bar is None or status is None:
            return
        counts = status["counts"]
        self._bar.total = status["n_trials"]
        self._bar.n = sum(counts.values())
        told = {key: counts[key] for key in ("pruned", "fail") if counts[key]}
        if status["best"] is not None:
            told["best"] = f"{status['best']['value']:.6g}"
        if status["state"] != IDLE:
            told["running"] = status["running"]
        self._bar.set_postfix(told, refresh=False)
        self._bar.refresh()

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

"""A script as it stands, run as `python script.py` up to where it optimizes a study.

The trials are run from within that call, so that all of the script's is as it is in plain Optuna:
its local variables, its open files and pools, its temporary folders. When they are over, the call
raises what no `except Exception` catches, so that the script's own cleaning up is done, and what
would follow an optimization is not.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import ast
import contextlib
import math
import mmap
import os
import random
import sys
import threading
import time
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

# Before the folder of the script, which may hold a `secrets.py`, comes first on the path.
from numpy import random as numpy_random

from hptui.domain.objective import ATTRIBUTE, ObjectiveInfo
from hptui.domain.script_study import ScriptStudy
from hptui.domain.texts.text import safe_line
from hptui.registry.loading.load import LoadError, Objective
from hptui.registry.scripts.import_guard import ScriptGuard
from hptui.registry.scripts.script_failures import ScriptFailures
from hptui.registry.scripts.script_process import act_as_script
from hptui.registry.scripts.script_repeats import repeats_of
from hptui.registry.scripts.script_source import ASKS_ITSELF
from hptui.registry.source.method_objects import Making, spell_object
from hptui.registry.source.objective_source import plain_name, read_source
from hptui.storage.sqlite.sent_trials import SENT_STATES, plain_value, spell_sent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType, FrameType

    import optuna
    from optuna.trial import FrozenTrial

    from hptui.domain.objective import Direction, ObjectiveRef
    from hptui.registry.loading.callback import Callback

_SEED = 0
_RIVALS_S = 0.3
_TICK_S = 0.01


class ScriptEnded(BaseException):
    """Ends a script whose trials are over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedStudy:
    """What a script hands to `Study.optimize`."""

    about: ScriptStudy
    objective: Objective
    study: optuna.Study
    constraints: Callable[[FrozenTrial], Sequence[float]] | None
    callbacks: tuple[Callback, ...]
    """What is called with the study and a trial that has ended."""
    info: ObjectiveInfo
    """What is declared, where hptui's decorator says something, and what the script has set."""


@dataclass(slots=True)
class ScriptListing:
    """The studies that a script optimizes, as far as running it shows them."""

    studies: list[ScriptStudy] = field(default_factory=list[ScriptStudy])
    ended: str = ""
    """Why there may be more; empty where the script has come to its end."""


def run_script(ref: ObjectiveRef, serve: Callable[[CapturedStudy], object]) -> None:
    """Run a script as the main program, up to the study that `ref` names, and call `serve` there.

    `ref.attribute` is the study: a number of the call from 1, a study's name, or empty for the
    first. The calls before it return as if they had been interrupted before the first trial.
    When `serve` returns, the script ends. What it leaves in `sys` stays.

    Raises:
        LoadError: It fails before, or never comes there; the sentence says where.
    """
    _Running(ref, serve).run()


def list_studies(ref: ObjectiveRef) -> ScriptListing:
    """Run a script as `run_script` does, without any trial, and return all studies it comes to.

    Raises:
        LoadError: It comes to none.
    """
    running = _Running(ref, None)
    try:
        running.run()
    except LoadError as error:
        if not running.seen:
            raise
        return ScriptListing(running.seen, error.message)
    return ScriptListing(running.seen)


@dataclass(slots=True)
class _Counted:
    """A study of which further calls are known."""

    study: optuna.Study
    how: tuple[str, ...]
    """What else tells whether a call goes on with it."""
    n_left: float


class _Running:
    """One run of a script."""

    def __init__(self, ref: ObjectiveRef, serve: Callable[[CapturedStudy], object] | None) -> None:
        self._ref = ref
        self._path = Path(ref.target)
        self._tree = ast.Module([], [])
        self._serve = serve
        self.seen: list[ScriptStudy] = []
        self._counted: list[_Counted] = []
        self._making = Making()
        self._guard = ScriptGuard(self._optimize, self._ask, self._making.constructors())
        self._pid = os.getpid()
        self._in_child = mmap.mmap(-1, 1)
        """One byte that forked children share: whether one of them has optimized."""
        self._turn = threading.RLock()
        self._served = False
        self._failures = ScriptFailures(
            self._path,
            ref.attribute,
            self.seen,
            self._guard,
            self._in_child,
            is_served=serve is not None,
        )
        self._problem: LoadError | None = None
        """Why hptui has ended the script."""

    def run(self) -> None:
        code, tree = _compiled(self._path)
        self._tree = self._failures.tree = tree
        package = _package_of(tree, self._path)
        main = act_as_script(self._path, self._ref.argv, package)
        # Data that it draws must be the same in all workers, and in all runs of a study.
        random.seed(_SEED)
        numpy_random.seed(_SEED)
        try:
            self._failures.heard.begin()
            with self._guard:
                exec(code, vars(main))
        except BaseException as error:
            self._end_child(error)
            has_ended = isinstance(error, SystemExit) and not error.code and self.seen
            if not self._served and isinstance(error, KeyboardInterrupt):
                raise
            if not self._served and not has_ended:
                raise self._problem or self._failures.failure(error) from error
        finally:
            self._failures.heard.stop()
        self._end_child(None)
        # Another thread of the script's may still serve.
        with self._turn:
            if self._served:
                # Once its trials are over, what becomes of the script is its own affair.
                return
        if self._problem is not None:
            raise self._problem
        if self._serve is not None or not self.seen:
            raise self._failures.never()

    def _end_child(self, error: BaseException | None) -> None:
        """End a process that the script has forked, and that has come to its end there."""
        if os.getpid() != self._pid:
            if error is not None:
                traceback.print_exception(error)
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(0 if error is None else 1)

    # -- what the script calls

    def _optimize(
        self,
        study: optuna.Study,
        func: Objective,
        n_trials: int | None = None,
        timeout: float | None = None,
        n_jobs: int = 1,
        catch: object = (),  # noqa: ARG002 - as Optuna's
        callbacks: Sequence[Any] | None = None,
        gc_after_trial: bool = False,  # noqa: ARG002 - as Optuna's
        show_progress_bar: bool = False,  # noqa: ARG002 - as Optuna's
    ) -> None:
        if os.getpid() != self._pid:
            self._in_child[0] = 1
            return
        with self._turn:
            if self._served or self._problem is not None:
                raise ScriptEnded
            line = _line_in(self._path, sys._getframe())
            self._require_one_step(func, line)
            self._require_one_thread(study, line)
            about = self._about(study, func, line, n_trials, timeout, n_jobs, callbacks)
            if self._goes_on(study, about):
                return
            self.seen.append(about)
            if self._serve is None or not self._is_wanted(about):
                return
            base = _base_of(study.sampler)
            captured = CapturedStudy(
                about=about,
                objective=func,
                study=study,
                constraints=getattr(base, "_constraints_func", None),
                callbacks=tuple(callbacks or ()),
                info=_info(func, about, self._path),
            )
            self._served = True
            self._failures.heard.stop()
            with self._guard.lifted():
                self._serve(captured)
        raise ScriptEnded

    def _goes_on(self, study: optuna.Study, about: ScriptStudy) -> bool:
        """Say whether a call is one of those that an earlier one has been counted for."""
        how = (about.function, about.sampler, about.pruner)
        for each in self._counted:
            if each.study is study and each.how == how:
                each.n_left -= 1
                return each.n_left >= 0
        n_left = math.inf if about.n_calls is None else about.n_calls - 1
        self._counted.append(_Counted(study, how, n_left))
        return False

    def _require_one_step(self, func: object, line: int) -> None:
        """Refuse a tuner of a library that optimizes step by step, each by what the last found."""
        kind = type(func)
        if kind.__module__.startswith("optuna_integration.lightgbm."):
            self._problem = LoadError(
                f"{self._name} uses LightGBM's tuner (line {line}), which tunes parameters in "
                "steps, each using the results of the one before.",
                hint="Write a function objective(trial) that trains with lightgbm.train and "
                "returns the score, and call study.optimize(objective, n_trials=...) instead.",
            )
            raise ScriptEnded

    def _require_one_thread(self, study: optuna.Study, line: int) -> None:
        """Refuse studies of several threads, where chance would choose: in each worker another."""
        is_chance = self._serve is not None and not self._wants_name
        if not (is_chance and self._guard.is_of_this_thread(study) and _has_rivals(self._path)):
            return
        self._problem = LoadError(
            f"{self._name} optimizes several studies at once, in threads (line {line}); which "
            "one comes first is up to chance.",
            hint="Give each study a name, create_study(study_name=...), and choose one by "
            "--study-of NAME; or let an argument of the script choose.",
        )
        raise ScriptEnded

    @property
    def _wants_name(self) -> bool:
        return bool(self._ref.attribute) and not self._ref.attribute.isdecimal()

    def _is_wanted(self, about: ScriptStudy) -> bool:
        wanted = self._ref.attribute
        if not wanted:
            return about.number == 1
        return wanted in (about.name, str(about.number))

    def _ask(self, *_: object, **__: object) -> NoReturn:
        if os.getpid() != self._pid:
            self._in_child[0] = 1
            raise RuntimeError("hptui asks for the trials itself")
        if self._served:
            raise ScriptEnded
        line = _line_in(self._path, sys._getframe())
        where = f"line {line}" if line else "somewhere"
        what, hint = ASKS_ITSELF
        self._problem = LoadError(f"{self._name} {what.format(where=where)}.", hint=hint)
        raise ScriptEnded

    # -- what it has set

    @property
    def _name(self) -> str:
        return safe_line(self._path.name)

    def _about(
        self,
        study: optuna.Study,
        func: object,
        line: int,
        n_trials: int | None,
        timeout: float | None,
        n_jobs: int,
        callbacks: Sequence[Any] | None,
    ) -> ScriptStudy:
        directions = cast("list[Direction]", [each.name.lower() for each in study.directions])
        sampler = spell_object(self._making, "sampler", study.sampler)
        pruner = spell_object(self._making, "pruner", study.pruner)
        storage, n_stored = self._guard.storage_of(study)
        left = [*sampler.left, *pruner.left]
        asked = None if n_trials is None or n_trials == math.inf else max(0, int(n_trials))
        repeats = repeats_of(self._tree, self._path, sys._getframe(), study, asked)
        n_trials = repeats.n_trials
        if timeout is not None:
            timeout = None if repeats.n_calls is None else float(timeout) * repeats.n_calls
        if n_jobs != 1:
            left.append(f"n_jobs={n_jobs} (--workers)")
        trials = study.get_trials(deepcopy=False)[n_stored:]
        return ScriptStudy(
            directions=tuple(directions),
            function=shown_callable(func),
            number=len(self.seen) + 1,
            line=line,
            name="" if study.study_name.startswith("no-name-") else study.study_name,
            metric_names=tuple(study.metric_names or ()),
            sampler=sampler.text,
            pruner=pruner.text,
            seed=sampler.seed,
            grid=sampler.grid,
            fixed=sampler.fixed,
            n_trials=n_trials,
            timeout_s=None if timeout in (None, math.inf) else timeout,
            n_calls=repeats.n_calls,
            may_have_more=repeats.has_more,
            callbacks=tuple(map(shown_callable, callbacks or ())),
            has_constraints=getattr(_base_of(study.sampler), "_constraints_func", None) is not None,
            user_attrs=plain_value(study.user_attrs),
            trials=tuple(spell_sent(each) for each in trials if each.state in SENT_STATES),
            storage=safe_line(storage),
            n_stored=n_stored,
            left=tuple(safe_line(each) for each in left),
        )


def _has_rivals(path: Path) -> bool:
    """Say whether other threads, apart from the main one, are at work in a script.

    In the main thread this is never so. Elsewhere others are given a moment to begin.
    """
    main = threading.main_thread().ident
    if main == threading.get_ident():
        return False
    until = time.monotonic() + _RIVALS_S
    while time.monotonic() < until:
        frames = sys._current_frames()
        for ident, frame in frames.items():
            if ident not in (main, threading.get_ident()) and _line_in(path, frame):
                return True
        time.sleep(_TICK_S)
    return False


def _base_of(sampler: object) -> object:
    return getattr(sampler, "_base_sampler", sampler)


def _info(function: object, about: ScriptStudy, path: Path) -> ObjectiveInfo:
    declared: ObjectiveInfo | None = getattr(function, ATTRIBUTE, None)
    return about.applied_to(declared or ObjectiveInfo(plain_name(path.stem)))


def _compiled(path: Path) -> tuple[CodeType, ast.Module]:
    """Return a script's code and its syntax.

    Raises:
        LoadError: It is not Python.
        ObjectiveError: It cannot be read.
    """
    source = read_source(path)
    try:
        with warnings.catch_warnings():
            # They are shown when it is compiled.
            warnings.simplefilter("ignore")
            tree = ast.parse(source, str(path))
        code = compile(source, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        text = getattr(error, "msg", None) or str(error)
        raise LoadError(
            f"{safe_line(path)}, line {line}: {type(error).__name__}: {safe_line(text)}"
        ) from error
    return code, tree


def _package_of(tree: ast.Module, path: Path) -> str | None:
    """Return the package of a module that imports from it, which only `python -m` can run."""
    parts: list[str] = []
    folder = path.resolve().parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        parts.insert(0, folder.name)
        folder = folder.parent
    for node in ast.walk(tree) if parts else ():
        match node:
            case ast.ImportFrom(level=level, module=name) if level or _is_in(name, parts[0]):
                return ".".join(parts)
            case ast.Import(names=names) if any(_is_in(each.name, parts[0]) for each in names):
                return ".".join(parts)
            case _:
                pass
    return None


def _is_in(module: str | None, package: str) -> bool:
    return module is not None and module.partition(".")[0] == package


def shown_callable(thing: object) -> str:
    """Return what a person calls a function or an object that can be called."""
    inner = getattr(thing, "func", None)
    if callable(inner):
        # A partial: its own name says nothing.
        return shown_callable(inner)
    name = getattr(thing, "__qualname__", "") or type(thing).__name__
    return safe_line(name.rpartition("<locals>.")[2]).replace("<lambda>", "lambda")


def _line_in(path: Path, frame: FrameType | None) -> int:
    """Return the line of a file from which a frame was called; 0 where it was not from there."""
    while frame is not None and frame.f_code.co_filename != str(path):
        frame = frame.f_back
    return 0 if frame is None else frame.f_lineno

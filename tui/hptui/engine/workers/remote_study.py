"""The study of a trial in a worker: Optuna's own, over a storage that the engine answers."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any, Final

import optuna
from optuna.study import StudyDirection
from optuna.study.study import _ThreadLocalStudyAttribute

from hptui.domain.methods.asked_methods import parse_pruner, parse_sampler
from hptui.domain.spaces.space import spec_from_json

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

    from hptui.engine.ipc.protocol import Message
    from hptui.engine.workers.remote_storage import RemoteStorage


_BY_THREAD: Final = "_hptui_by_thread"


class RemoteStudy(optuna.Study):
    """An `optuna.Study` that a trial may read, add trials to and stop.

    Its sampler and pruner are built like the engine's when they are asked for; they are others, so
    that a change to them changes nothing in the run.

    Args:
        storage: That of the trial.
        facts: What the engine tells of a trial.
    """

    def __init__(self, storage: RemoteStorage, facts: Message) -> None:
        # Optuna's own would ask the storage for what is known.
        self.study_name = str(facts["study_name"])
        self._study_id = int(facts["study_id"])
        self._storage = storage
        self._directions = [StudyDirection[name.upper()] for name in facts["directions"]]
        self._sampler: BaseSampler | None = None
        self._pruner: BasePruner | None = None
        self._stop_flag = False
        self._thread_local = _ThreadLocalStudyAttribute()
        # As while Optuna optimizes: what must not be nested is refused in its words.
        self._thread_local.in_optimize_loop = True

    def take_place_of(self, study: optuna.Study, *, by_thread: bool) -> None:
        """Make another study object, which an objective knows by its script, this study.

        Args:
            study: The object; one of a class of the script's own stays what it is.
            by_thread: Whether only for this thread, since others run other trials.
        """
        if not by_thread and type(study) in (optuna.Study, RemoteStudy):
            study.__class__ = RemoteStudy
            study.__dict__ = self.__dict__
        elif by_thread and type(study) in (optuna.Study, _StudyByThread):
            vars(study).setdefault(_BY_THREAD, threading.local()).study = self
            study.__class__ = _StudyByThread

    def stop(self) -> None:
        """End the run after the trials that are running."""
        self._remote.link.tell({"op": "stop_study"})

    @property
    def _remote(self) -> RemoteStorage:
        storage: RemoteStorage = self._storage  # pyright: ignore[reportAssignmentType]
        return storage

    @property
    def sampler(self) -> BaseSampler:  # pyright: ignore[reportIncompatibleVariableOverride]
        """A sampler like the engine's."""
        if self._sampler is None:
            self._sampler = self._build_sampler()
        return self._sampler

    @sampler.setter
    def sampler(self, sampler: BaseSampler) -> None:
        self._sampler = sampler
        _warn_unused("sampler")

    @property
    def pruner(self) -> BasePruner:  # pyright: ignore[reportIncompatibleVariableOverride]
        """A pruner like the engine's."""
        if self._pruner is None:
            from hptui.engine.sampling.pruners import build_pruner

            self._pruner = build_pruner(parse_pruner(self._methods()["pruner"]))
        return self._pruner

    @pruner.setter
    def pruner(self, pruner: BasePruner) -> None:
        self._pruner = pruner
        _warn_unused("pruner")

    def _methods(self) -> Message:
        return self._remote.link.ask({"op": "methods"})["v"]

    def _build_sampler(self) -> BaseSampler:
        from hptui.engine.sampling.samplers import build_sampler

        methods = self._methods()
        return build_sampler(
            parse_sampler(methods["sampler"]),
            seed=methods["seed"],
            space={name: spec_from_json(text) for name, text in methods["space"].items()},
            fixed=methods["fixed"],
            n_objectives=len(self._directions),
            grid=methods["grid"],
        )


class _StudyByThread(optuna.Study):
    """In each thread the study of the trial that it runs; elsewhere what it was before."""

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 - any of a study's
        own: dict[str, Any] = object.__getattribute__(self, "__dict__")
        study = getattr(own[_BY_THREAD], "study", None)
        if study is None or name in ("__class__", "__dict__"):
            return object.__getattribute__(self, name)
        return getattr(study, name)


def _warn_unused(what: str) -> None:
    warnings.warn(
        f"A {what} set in a trial has no effect: the engine uses the run's. Use --{what} instead.",
        stacklevel=3,
    )

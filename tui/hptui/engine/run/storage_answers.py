"""The engine's side of a trial's storage: answers what is read, and writes what a trial may."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from hptui.domain.attribute_keys import OWN_PREFIX
from hptui.domain.texts.readable import plural
from hptui.engine.workers.trial_messages import checked_step, read_trial, spell_part, spell_trial
from hptui.errors import StudyBusyError
from hptui.storage.sqlite.attribute_values import value_of_json
from hptui.storage.sqlite.distributions import parse_distribution

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from optuna.trial import FrozenTrial

    from hptui.engine.ipc.protocol import Message
    from hptui.engine.run.study_trials import LiveTrial, StudyTrials
    from hptui.storage.sqlite.storage import SqliteStorage

_log = logging.getLogger("hptui.engine")

_REFUSALS = (KeyError, ValueError, TypeError, RuntimeError)


@dataclass(frozen=True, slots=True, eq=False)
class StorageAnswers:
    """Does what trials ask of their storage; see `remote_storage.RemoteBackend`."""

    storage: SqliteStorage
    trials: StudyTrials

    def answer(self, live: LiveTrial | None, message: Message) -> Message:
        """Answer a message that names what it calls in `call`.

        Args:
            live: The running trial that asks; None for a callback, which has no trial of its own.
            message: What it asks.

        Raises:
            UpdateFinishedTrialError: Another program has ended the trial.
        """
        call = str(message["call"])
        try:
            if call in _READS:
                return {"v": _READS[call](self, message)}
            return {"v": _WRITES[call](self, live, message)}
        except StudyBusyError as error:
            return {"busy": error.message}
        except UpdateFinishedTrialError:
            raise
        except Exception as error:  # noqa: BLE001 - see below
            # Whatever a trial sends, it is told what is wrong, and the run goes on.
            if not isinstance(error, _REFUSALS):
                _log.exception("trial %s: %s", message.get("n"), call)
            text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
            return {"error": [type(error).__name__, text]}

    @staticmethod
    def writes(message: Message) -> bool:
        """Say whether what a message calls may change the study."""
        return message.get("call") not in _READS

    # -- reading

    def _studies(self, _: Message) -> list[Message]:
        return [self._study({"study": each._study_id}) for each in self.storage.get_all_studies()]

    def _study(self, message: Message) -> Message:
        study_id = int(message["study"])
        return {
            "id": study_id,
            "name": self.storage.get_study_name_from_id(study_id),
            "directions": [each.name for each in self.storage.get_study_directions(study_id)],
            "user_attrs": self.storage.get_study_user_attrs(study_id),
            "system_attrs": self.storage.get_study_system_attrs(study_id),
        }

    def _study_id(self, message: Message) -> int:
        return self.storage.get_study_id_from_name(str(message["name"]))

    def _address(self, _: Message) -> str:
        return f"sqlite:///{self.storage.path}"

    def _trial(self, message: Message) -> Message:
        return spell_trial(self.storage.get_trial(int(message["trial"])))

    def _trial_id(self, message: Message) -> int:
        return self.storage.get_trial_id_from_study_id_trial_number(
            int(message["study"]), int(message["number"])
        )

    def _best(self, message: Message) -> int:
        return self.storage.get_best_trial(int(message["study"]))._trial_id

    def _trials_with(self, message: Message) -> list[Message]:
        """Return the first of the trials with certain ids."""
        return spell_part(self.storage.get_trial(int(each)) for each in message["trials"])

    def _trials_after(self, message: Message) -> Message:
        """Return the first trials with higher ids than one, and whether there are more."""
        trials = self.storage.get_all_trials(int(message["study"]), deepcopy=False)
        after = int(message["after"])
        first = len(trials)
        while first and trials[first - 1]._trial_id > after:
            first -= 1
        part = spell_part(trials[at] for at in range(first, len(trials)))
        return {"trials": part, "more": first + len(part) < len(trials)}

    # -- writing

    def _set_study_attr(self, _: LiveTrial | None, message: Message) -> None:
        study_id, key = self._own_study(message), str(message["key"])
        value = value_of_json(message["json"])
        if message["kind"] == "user":
            self.storage.set_study_user_attr(study_id, key, value)
        else:
            self.storage.set_study_system_attr(study_id, _free_key(key), value)

    def _set_trial_attr(self, live: LiveTrial | None, message: Message) -> None:
        live, trial_id = self._own_trial(live, message)
        key = str(message["key"])
        value = value_of_json(message["json"])
        if message["kind"] == "user":
            live.trial.set_user_attr(key, value)
        else:
            self.storage.set_trial_system_attr(trial_id, _free_key(key), value)
            live.trial._cached_frozen_trial.system_attrs[key] = value

    def _set_param(self, live: LiveTrial | None, message: Message) -> None:
        live, trial_id = self._own_trial(live, message)
        name = str(message["name"])
        distribution, _ = parse_distribution(str(message["distribution"]))
        self.storage.set_trial_param(trial_id, name, float(message["value"]), distribution)
        stored, cached = self.storage.get_trial(trial_id), live.trial._cached_frozen_trial
        cached.distributions[name] = stored.distributions[name]
        cached.params[name] = stored.params[name]

    def _report(self, live: LiveTrial | None, message: Message) -> None:
        live, _ = self._own_trial(live, message)
        self.trials.report(live, float(message["value"]), int(message["step"]))

    def _add_trial(self, _: LiveTrial | None, message: Message) -> int:
        study_id = self._own_study(message)
        template = self._checked(read_trial(message["template"]))
        # A copy of a trial of hptui's belongs to no run.
        template.system_attrs = {
            key: value
            for key, value in template.system_attrs.items()
            if not key.startswith(OWN_PREFIX)
        }
        return self.storage.create_new_trial(study_id, template)

    def _checked(self, template: FrozenTrial) -> FrozenTrial:
        """Return a trial that may be added, after the checks of `Study.add_trial`."""
        if template.state is TrialState.RUNNING:
            raise RuntimeError(
                "A trial cannot start another trial; add one that waits or has ended."
            )
        template._validate()
        n_values, n_objectives = len(template.values or ()), len(self.trials.study.directions)
        if template.values is not None and n_values != n_objectives:
            raise ValueError(
                f"The added trial has {plural(n_values, 'value')}, "
                f"the study has {plural(n_objectives, 'objective')}."
            )
        for step in template.intermediate_values:
            checked_step(step)
        return template

    def _own_study(self, message: Message) -> int:
        study_id = self.trials.study._study_id
        if int(message["study"]) != study_id:
            raise RuntimeError("A trial or a callback can write to its own study only.")
        return study_id

    def _own_trial(self, live: LiveTrial | None, message: Message) -> tuple[LiveTrial, int]:
        if live is None:
            raise RuntimeError("A callback cannot change trials; the study's attributes it can.")
        trial_id = live.trial._trial_id
        if int(message["trial"]) != trial_id:
            raise RuntimeError("A trial can change itself only, no other trial.")
        return live, trial_id


def _free_key(key: str) -> str:
    if key.startswith(OWN_PREFIX):
        raise RuntimeError(f"The system attribute {key!r} is hptui's own; use another name.")
    return key


_READS: Mapping[str, Callable[[StorageAnswers, Message], Any]] = {
    "studies": StorageAnswers._studies,
    "study": StorageAnswers._study,
    "study_id": StorageAnswers._study_id,
    "address": StorageAnswers._address,
    "trial": StorageAnswers._trial,
    "trial_id": StorageAnswers._trial_id,
    "trials_with": StorageAnswers._trials_with,
    "trials_after": StorageAnswers._trials_after,
    "best": StorageAnswers._best,
}
_WRITES: Mapping[str, Callable[[StorageAnswers, LiveTrial | None, Message], Any]] = {
    "set_study_attr": StorageAnswers._set_study_attr,
    "set_trial_attr": StorageAnswers._set_trial_attr,
    "set_param": StorageAnswers._set_param,
    "report": StorageAnswers._report,
    "add_trial": StorageAnswers._add_trial,
}

"""A sampler or pruner of the person's own, whose code runs in a process beside the engine's.

The engine's process runs none of it: what hangs, crashes or prints there holds nothing up that the
run cannot do without, and the answers are plain data. See `own_process` for the other side.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from typing import IO, TYPE_CHECKING, Any, Final, cast

from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler

from hptui.domain.attribute_keys import OWN_PREFIX
from hptui.domain.methods.asked_methods import method_of
from hptui.domain.texts.text import safe_line, safe_text
from hptui.engine.ipc.protocol import Lines, pack, unpack
from hptui.engine.workers.trial_messages import read_params, spell_trial
from hptui.errors import HptuiError, OptionError
from hptui.storage.sqlite.distributions import dump_distribution, parse_distribution

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, TrialState

    from hptui.domain.methods.options import Family, MethodSpec
    from hptui.engine.ipc.protocol import Message

_log = logging.getLogger("hptui.engine")
_RECEIVE_BYTES: Final = 1 << 20
_END_S: Final = 2.0
"""How long the process may take to end once it has closed the connection."""
_MAX_TAIL_BYTES: Final = 4_000
_MAX_OUTPUT_BYTES: Final = 1 << 20
"""So much of what the code prints is kept; its file begins anew then."""


class OwnCodeError(HptuiError):
    """What a person's sampler or pruner raised, or that its process has ended."""


class OwnProcess:
    """The process of one class, and what it knows of the study.

    Args:
        family: Sampler or pruner.
        spec: Which class, with its options; a file's path is absolute.
        seed: The run's.
        pruner: The run's pruner, as it is spelled, for a sampler that looks at it.

    Raises:
        OptionError: The class cannot be made; the sentence is its own.
    """

    def __init__(self, family: Family, spec: MethodSpec, seed: int | None, pruner: str) -> None:
        self._spec = spec
        self._family: Family = family
        self._sent = _SentHistory()
        self._lock = threading.RLock()
        self._is_closed = False
        self._lines = Lines()
        self._arrived: list[bytes] = []
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as it
        self._socket, theirs = socket.socketpair()
        with theirs:
            program = [sys.executable, "-P", "-m", "hptui.engine.sampling.own_process"]
            self._process = subprocess.Popen(
                [*program, str(theirs.fileno()), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._make(seed, pruner)

    def _make(self, seed: int | None, pruner: str) -> None:
        try:
            answer = self._exchange(
                {
                    "family": self._family,
                    "name": self._spec.name,
                    "options": [(name, str(value)) for name, value in self._spec.options],
                    "seed": seed,
                    "pruner": pruner,
                }
            )
        except OwnCodeError as error:
            raise OptionError(error.message, hint=error.hint) from error
        if "error" in answer:
            self.close()
            told = answer["error"]
            raise OptionError(told["message"], hint=told["hint"], detail=told["detail"])

    def call(self, call: str, study: optuna.Study, trial: FrozenTrial, **given: Any) -> Any:  # noqa: ANN401
        """Bring the process up to date, have it carry a call out and return the answer.

        Raises:
            OwnCodeError: The code raised an exception, or its process has ended.
        """
        with self._lock:
            if self._is_closed:
                raise self._ended()
            storage, study_id = study._storage, study._study_id
            trials = storage.get_all_trials(study_id, deepcopy=False)
            message = self._sent.changes(trials) | {"call": call, **given}
            message["attrs"] = self._sent.changed_attrs(
                storage.get_study_user_attrs(study_id), storage.get_study_system_attrs(study_id)
            )
            message["trial"] = trial._trial_id
            message["directions"] = [each.name.lower() for each in study.directions]
            message["study"] = study.study_name
            answer = self._exchange(message)
        for text in answer["warned"]:
            logging.getLogger(self._family).warning("%s", text)
        self._write(study, answer["writes"])
        if answer["stop"]:
            study._stop_flag = True
            cast("Any", study).stop()
        if "error" in answer:
            told = answer["error"]
            raise OwnCodeError(
                f"{safe_line(self._spec.name)}: {safe_line(told['message'])}",
                hint=f"Fix the {self._family}, or use another one.",
                detail=safe_text(told["detail"]),
            )
        return answer["v"]

    def _write(self, study: optuna.Study, writes: Sequence[Sequence[Any]]) -> None:
        for whose, owner, key, text in writes:
            if str(key).startswith(OWN_PREFIX):
                _log.warning("%s wrote %r, which is not its own", self._spec.name, key)
            elif whose == "trial":
                study._storage.set_trial_system_attr(owner, key, json.loads(text))
            else:
                study._storage.set_study_system_attr(study._study_id, key, json.loads(text))

    def _exchange(self, message: Message) -> Message:
        try:
            self._socket.sendall(pack(message))
            while not self._arrived:
                data = self._socket.recv(_RECEIVE_BYTES)
                if not data:
                    break
                self._arrived = self._lines.feed(data)
        except (OSError, HptuiError) as error:
            raise self._ended() from error
        if not self._arrived:
            raise self._ended()
        self._cut_output()
        try:
            return unpack(self._arrived.pop(0))
        except HptuiError as error:
            raise self._ended() from error

    def _ended(self) -> OwnCodeError:
        name = safe_line(self._spec.name)
        if self._is_closed:
            return OwnCodeError(f"The process of the {self._family} {name} has ended.")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        words = self._last_words()
        self.close()
        code = self._process.returncode
        how = f"with code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
        return OwnCodeError(
            f"The process of the {self._family} {name} ended {how}{words}",
            hint=f"Fix the {self._family}, or use another one.",
        )

    def _last_words(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            size = self._output.seek(0, os.SEEK_END)
            self._output.seek(max(0, size - _MAX_TAIL_BYTES))
            text = safe_text(self._output.read().decode("utf-8", "backslashreplace"))
            lines = text.strip().splitlines()
            if lines:
                return f": {safe_line(lines[-1], max_chars=300)}"
        return "."

    @property
    def title(self) -> str:
        """The name of the class, or of the hub's package."""
        return method_of(self._family, self._spec).title

    def n_output_bytes(self) -> int:
        """Return how much is kept of what the code has printed."""
        return self._output.seek(0, os.SEEK_END)

    def _cut_output(self) -> None:
        if self.n_output_bytes() > _MAX_OUTPUT_BYTES:
            self._output.truncate(0)

    def close(self) -> None:
        """End the process and what it has started; a call that waits for it fails."""
        self._is_closed = True
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        # A call of another thread has seen the end by then.
        with self._lock:
            self._socket.close()
            self._output.close()


class _SentHistory:
    """What the process has been told of the study's trials and attributes."""

    def __init__(self) -> None:
        self._n_settled = 0
        """So many trials at the beginning have ended and been sent."""
        self._last: FrozenTrial | None = None
        self._ended: dict[int, FrozenTrial] = {}
        """Trials behind those that have been sent since they ended."""
        self._open: dict[int, Message] = {}
        """What was sent last of those that have not."""
        self._attrs = ""

    def changes(self, trials: Sequence[FrozenTrial]) -> Message:
        """Return the trials that are new or have changed, and whether the others are to go."""
        n = self._n_settled
        is_anew = bool(n) and (len(trials) < n or trials[n - 1] is not self._last)
        if is_anew:
            # Seen through another space, all trials may look different.
            self._n_settled, self._last, self._ended, self._open = 0, None, {}, {}
        sent: list[Message] = []
        is_settled = True
        for index in range(self._n_settled, len(trials)):
            trial = trials[index]
            key = trial._trial_id
            if trial.state.is_finished():
                if self._ended.get(key) is not trial:
                    sent.append(spell_trial(trial))
                    self._ended[key] = trial
                    self._open.pop(key, None)
                if is_settled:
                    self._n_settled, self._last = index + 1, trial
                    self._ended.pop(key, None)
                continue
            is_settled = False
            spelled = json.loads(pack(spell_trial(trial)))
            if self._open.get(key) != spelled:
                sent.append(spelled)
                self._open[key] = spelled
        return {"anew": is_anew, "trials": sent}

    def changed_attrs(self, user: dict[str, Any], system: dict[str, Any]) -> Message | None:
        """Return the study's attributes where they have changed; hptui's own are left out."""
        attrs = {
            "user": user,
            "system": {key: each for key, each in system.items() if not key.startswith(OWN_PREFIX)},
        }
        text = json.dumps(attrs)
        if text == self._attrs:
            return None
        self._attrs = text
        return attrs


class OwnSampler(BaseSampler):
    """Stands in the engine for a sampler whose code runs in `process`."""

    def __init__(self, process: OwnProcess) -> None:
        self.process = process

    def __str__(self) -> str:
        """Return the name of the class."""
        return self.process.title

    def reseed_rng(self) -> None:
        """Do nothing: it is called in copies of a process, and this one has no generator."""

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Ask for the joint search space."""
        pairs = self.process.call("infer_relative_search_space", study, trial)
        return {name: parse_distribution(text)[0] for name, text in pairs}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Ask for the joint parameters."""
        space = [(name, dump_distribution(each)) for name, each in search_space.items()]
        return read_params(self.process.call("sample_relative", study, trial, space=space))[0]

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401 - Optuna's own type
        """Ask for one parameter."""
        number = self.process.call(
            "sample_independent",
            study,
            trial,
            name=param_name,
            distribution=dump_distribution(param_distribution),
        )
        return param_distribution.to_external_repr(number)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Tell that a trial begins."""
        self.process.call("before_trial", study, trial)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Tell that a trial has ended."""
        given = None if values is None else list(values)
        self.process.call("after_trial", study, trial, state=state.name, values=given)


class OwnPruner(BasePruner):
    """Stands in the engine for a pruner whose code runs in `process`."""

    def __init__(self, process: OwnProcess) -> None:
        self.process = process

    def __str__(self) -> str:
        """Return the name of the class."""
        return self.process.title

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Ask whether to prune."""
        return bool(self.process.call("prune", study, trial))

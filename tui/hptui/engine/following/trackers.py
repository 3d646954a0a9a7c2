"""What follows trials in other services: MLflow, Weights & Biases, and notifications by apprise.

This runs in a process of its own; the libraries are imported only here.
"""

from __future__ import annotations

import importlib
import logging
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from optuna.trial import TrialState

from hptui.domain.texts.readable import four_digits
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from hptui.domain.following import Tracking

_BATCH: Final = 100
"""Of parameters and tags MLflow takes so many at once, and ten times as many metrics."""
_TEXT_CHARS: Final = 500
"""What MLflow keeps of a parameter or tag everywhere."""
_MAX_STEP: Final = 2**63 - 1
_SHOWN_PARAMS: Final = 20


class Tracker(Protocol):
    """Takes trials, and the end of the run."""

    def trial(self, study: optuna.Study, trial: FrozenTrial, *, is_best: bool) -> None:
        """Take a trial that has ended."""
        ...

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Take the run's end; see `AfterTrials` for the fields."""
        ...


def open_tracker(tracking: Tracking, study: str) -> Tracker:
    """Return what takes the trials of a study.

    Raises:
        Exception: Whatever the library says of an address that it cannot use.
    """
    match tracking.kind:
        case "mlflow":
            return _Mlflow(tracking.address, study)
        case "wandb":
            return _Wandb(tracking.address, study)
        case "notify":
            return _Notifier(tracking.address, study, tells_best=tracking.tells_best)


def _import(name: str) -> Any:  # noqa: ANN401 - an optional library without types
    return importlib.import_module(name)


def _value_names(study: optuna.Study, n_values: int) -> list[str]:
    names = study.metric_names
    if names and len(names) == n_values:
        return names
    return ["value"] if n_values == 1 else [f"value_{index}" for index in range(n_values)]


def _values(trial: FrozenTrial) -> list[float]:
    return cast("list[float]", trial.values or [])


class _Mlflow:
    """Makes each trial a run of the experiment that is called like the study."""

    def __init__(self, address: str, study: str) -> None:
        mlflow = _import("mlflow")
        self._entities = _import("mlflow.entities")
        self._client = mlflow.MlflowClient(tracking_uri=address or None)
        found = self._client.get_experiment_by_name(study)
        self._experiment: str = (
            self._client.create_experiment(study) if found is None else found.experiment_id
        )

    def trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        *,
        is_best: bool,  # noqa: ARG002 - as the others'
    ) -> None:
        began, ended = _ms(trial.datetime_start), _ms(trial.datetime_complete)
        run = self._client.create_run(
            self._experiment, start_time=began, run_name=f"trial-{trial.number}"
        )
        run_id: str = run.info.run_id
        tags = {"number": trial.number, "state": trial.state.name, "study": study.study_name}
        tags |= trial.user_attrs
        for part in _parts(self._params(trial.params), _BATCH):
            self._client.log_batch(run_id, params=part)
        for part in _parts(self._tags(tags), _BATCH):
            self._client.log_batch(run_id, tags=part)
        for part in _parts(self._metrics(study, trial, ended), 10 * _BATCH):
            self._client.log_batch(run_id, metrics=part)
        status = "FAILED" if trial.state is TrialState.FAIL else "FINISHED"
        self._client.set_terminated(run_id, status, ended)

    def _params(self, params: Mapping[str, Any]) -> list[Any]:
        return [
            self._entities.Param(_mlflow_name(name), str(value)[:_TEXT_CHARS])
            for name, value in params.items()
        ]

    def _tags(self, tags: Mapping[str, Any]) -> list[Any]:
        return [
            self._entities.RunTag(_mlflow_name(name), str(value)[:_TEXT_CHARS])
            for name, value in tags.items()
        ]

    def _metrics(self, study: optuna.Study, trial: FrozenTrial, at_ms: int) -> list[Any]:
        values = _values(trial)
        names = _value_names(study, len(study.directions))
        metric = self._entities.Metric
        return [
            *(
                metric(_mlflow_name(name), value, at_ms, 0)
                for name, value in zip(names, values, strict=False)
            ),
            *(
                metric("report", value, at_ms, min(step, _MAX_STEP))
                for step, value in trial.intermediate_values.items()
            ),
        ]

    def finish(self, summary: Mapping[str, Any]) -> None:
        """See `Tracker`; each trial has ended its run."""


def _mlflow_name(name: str) -> str:
    """Return a name of the characters that MLflow takes."""
    kept = "".join(each if each.isalnum() or each in "_-. /:" else "_" for each in name)
    return kept.strip("/. ")[: _TEXT_CHARS // 2] or "_"


def _ms(moment: datetime | None) -> int:
    """Return milliseconds since 1970; Optuna's times are local."""
    return int((moment or datetime.now(UTC)).timestamp() * 1000)


def _parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


class _Wandb:
    """Makes the run a run of the project, and each trial a step of it."""

    def __init__(self, address: str, study: str) -> None:
        wandb = _import("wandb")
        self._run = wandb.init(
            project=address or None,
            group=study,
            job_type="hptui",
            settings=wandb.Settings(silent=True, console="off"),
        )

    def trial(self, study: optuna.Study, trial: FrozenTrial, *, is_best: bool) -> None:
        names = _value_names(study, len(study.directions))
        row: dict[str, Any] = {f"params/{name}": value for name, value in trial.params.items()}
        row |= {
            name: value
            for name, value in zip(names, _values(trial), strict=False)
            if math.isfinite(value)
        }
        row["state"] = trial.state.name
        row["number"] = trial.number
        self._run.log(row)
        if is_best:
            self._run.summary["best"] = trial.number

    def finish(self, summary: Mapping[str, Any]) -> None:
        self._run.summary["reason"] = summary.get("reason")
        self._run.finish(exit_code=1 if summary.get("error") else 0)


class _Notifier:
    """Sends a message when the run ends, and if asked at each new best trial."""

    def __init__(self, address: str, study: str, *, tells_best: bool) -> None:
        # It logs addresses, which hold passwords and tokens.
        logging.getLogger("apprise").disabled = True
        apprise = _import("apprise")
        self._apprise = apprise.Apprise()
        if not self._apprise.add(address):
            raise UsageError("apprise does not know this address, or it is incomplete")
        self._study = safe_line(study)
        self._tells_best = tells_best

    def trial(
        self,
        study: optuna.Study,  # noqa: ARG002 - as the others'
        trial: FrozenTrial,
        *,
        is_best: bool,
    ) -> None:
        if is_best and self._tells_best:
            values = ", ".join(four_digits(value) for value in _values(trial))
            self._send(
                f"{self._study}: new best {values}",
                f"Trial {trial.number}: {_params_text(trial.params)}",
            )

    def finish(self, summary: Mapping[str, Any]) -> None:
        counts: Mapping[str, int] = summary["counts"]
        lines = [
            str(summary["error"] or summary["text"]),
            f"{counts['complete']} complete, {counts['pruned']} pruned, {counts['fail']} failed.",
        ]
        best: Mapping[str, Any] | None = summary["best"]
        if best is not None:
            lines.append(
                f"Best {best['value']}, trial {best['number']}: {_params_text(best['params'])}"
            )
        has_failed = bool(summary["error"]) or not counts["complete"]
        self._send(f"{self._study}: {'failed' if has_failed else 'ended'}", "\n".join(lines))

    def _send(self, title: str, body: str) -> None:
        if not self._apprise.notify(title=title, body=body):
            raise RuntimeError("the message was not delivered")


def _params_text(params: Mapping[str, Any]) -> str:
    shown = [
        f"{safe_line(name)} {safe_line(value, max_chars=60)}"
        for name, value in list(params.items())[:_SHOWN_PARAMS]
    ]
    return ", ".join([*shown, *(["…"] if len(params) > _SHOWN_PARAMS else [])])

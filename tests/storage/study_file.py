"""Study files built row by row, so that they can hold what Optuna would never write."""

from __future__ import annotations

import json
import math
import socket
import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from hptui.storage.sqlite.schema import create_schema

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

START_S = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
FLOAT = '{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}'  # noqa: E501
INT = '{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}'
CHOICE = '{"name": "CategoricalDistribution", "attributes": {"choices": ["a", "b", null]}}'


def text_of(epoch_s: float) -> str:
    """The text that Optuna stores for a time."""
    moment = datetime.fromtimestamp(epoch_s, UTC).replace(tzinfo=None)
    return moment.isoformat(sep=" ", timespec="microseconds")


def leave_stale_trial(file: StudyFile, run: str = "dead") -> int:
    """Add a trial to study 1 that a run on this machine has left running; return its id."""
    runs = [{"id": run, "host": socket.gethostname()}]
    file.run(
        "INSERT OR REPLACE INTO study_system_attributes (study_id, key, value_json)"
        " VALUES (1, 'hptui:runs', ?)",
        json.dumps(runs),
    )
    return file.add_trial(state="RUNNING", attributes={"hptui:run": run})


class StudyFile:
    """A study file under construction; each method commits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        is_new = not path.exists()
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA synchronous = OFF")
        if is_new:
            create_schema(self.connection, "5.0.0")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.connection.close()

    def run(self, statement: str, *arguments: object) -> int:
        """Execute one statement; return the id of the row that it inserted."""
        return self.connection.execute(statement, arguments).lastrowid or 0

    def add_study(
        self, name: str = "study", directions: Sequence[str] = ("MINIMIZE",), **attributes: Any
    ) -> int:
        """Add a study; attributes are its system attributes, `hptui_study` for `hptui:study`."""
        study_id = self.run("INSERT INTO studies (study_name) VALUES (?)", name)
        for objective, direction in enumerate(directions):
            self.run(
                "INSERT INTO study_directions (direction, study_id, objective) VALUES (?, ?, ?)",
                direction,
                study_id,
                objective,
            )
        for key, value in attributes.items():
            self.run(
                "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (?, ?, ?)",
                study_id,
                key.replace("hptui_", "hptui:"),
                json.dumps(value),
            )
        return study_id

    def delete_study(self, study_id: int) -> None:
        """Delete a study and all its rows, as Optuna does."""
        self.run("DELETE FROM trials WHERE study_id = ?", study_id)
        for table in ("params", "values", "intermediate_values", "system_attributes"):
            self.run(
                f"DELETE FROM trial_{table} WHERE trial_id NOT IN (SELECT trial_id FROM trials)"
            )
        self.run("DELETE FROM study_directions WHERE study_id = ?", study_id)
        self.run("DELETE FROM study_system_attributes WHERE study_id = ?", study_id)
        self.run("DELETE FROM studies WHERE study_id = ?", study_id)

    def add_trial(
        self,
        value: float | Sequence[float] | None = None,
        *,
        study_id: int = 1,
        number: object = ...,
        state: object = "COMPLETE",
        start: object = ...,
        complete: object = ...,
        params: Mapping[str, tuple[object, str]] | None = None,
        reports: Mapping[int, float] | None = None,
        attributes: Mapping[str, Any] | None = None,
        user_attributes: Mapping[str, Any] | None = None,
    ) -> int:
        """Add a trial at once; return its id. Attributes are system attributes."""
        with self._at_once():
            (count,) = self.connection.execute(
                "SELECT COUNT(*) FROM trials WHERE study_id = ?", (study_id,)
            ).fetchone()
            is_over = state in ("COMPLETE", "PRUNED", "FAIL")
            trial_id = self.run(
                "INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete) "
                "VALUES (?, ?, ?, ?, ?)",
                count if number is ... else number,
                study_id,
                state,
                text_of(START_S + 10 * count) if start is ... else start,
                (text_of(START_S + 10 * count + 2.5) if is_over else None)
                if complete is ...
                else complete,
            )
            values = [] if value is None else [value] if isinstance(value, (int, float)) else value
            for objective, each in enumerate(values):
                self.set_value(trial_id, objective, each)
            for name, (number_stored, distribution) in (params or {}).items():
                self.set_param(trial_id, name, number_stored, distribution)
            for step, each in (reports or {}).items():
                self.run(
                    "INSERT INTO trial_intermediate_values "
                    "(trial_id, step, intermediate_value, intermediate_value_type) "
                    "VALUES (?, ?, ?, ?)",
                    trial_id,
                    step,
                    *stored(each),
                )
            for table, given in (("system", attributes), ("user", user_attributes)):
                for key, each in (given or {}).items():
                    self.set_attribute(trial_id, key, json.dumps(each), table)
            return trial_id

    @contextmanager
    def _at_once(self) -> Generator[None]:
        """Let others see what the block writes in one moment; within a transaction at its end."""
        is_outer = not self.connection.in_transaction
        if is_outer:
            self.connection.execute("BEGIN")
        try:
            yield
        finally:
            if is_outer and self.connection.in_transaction:
                self.connection.execute("COMMIT")

    def set_value(self, trial_id: int, objective: int, value: float) -> None:
        self.run(
            "INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?, ?, ?, ?)",
            trial_id,
            objective,
            *stored(value),
        )

    def set_param(self, trial_id: int, name: object, number: object, distribution: object) -> None:
        self.run(
            "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) "
            "VALUES (?, ?, ?, ?)",
            trial_id,
            name,
            number,
            distribution,
        )

    def set_attribute(self, trial_id: int, key: str, text: object, table: str = "system") -> None:
        self.run(
            f"INSERT INTO trial_{table}_attributes (trial_id, key, value_json) VALUES (?, ?, ?)",
            trial_id,
            key,
            text,
        )

    def end_trial(self, trial_id: int, value: float) -> None:
        """Make a running trial complete."""
        self.run(
            "UPDATE trials SET state = 'COMPLETE', datetime_complete = ? WHERE trial_id = ?",
            text_of(START_S + 1_000),
            trial_id,
        )
        self.set_value(trial_id, 0, value)


def stored(value: float) -> tuple[float | None, str]:
    """A number as Optuna stores it: with its kind."""
    if math.isnan(value):
        return None, "NAN"
    if math.isinf(value):
        return None, "INF_POS" if value > 0 else "INF_NEG"
    return value, "FINITE"

"""How a trial ended, as plain data."""

from __future__ import annotations

import contextlib
import math
import numbers
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from hptui.domain.causes import Cause, cause_of
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.errors import ObjectiveError

ErrorKind = Literal[
    "exception", "value", "killed", "timeout", "memory", "died", "lost", "interrupted", "engine"
]

MAX_MESSAGE_CHARS = 2_000
MAX_TRACEBACK_CHARS = 20_000
_MAX_FRAMES = 100
_MAX_CAUSES = 50
_MAX_ERROR_CHARS = 300


@dataclass(frozen=True, slots=True)
class TrialError:
    """Why a trial failed; stored with the trial as `hptui:error`."""

    kind: ErrorKind
    type: str
    message: str
    traceback: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the error as plain data."""
        return asdict(self)

    @property
    def summary(self) -> str:
        """The error in one line."""
        return f"{self.type}: {self.message}" if self.type else self.message


class ValueRefused(Exception):  # noqa: N818 - it says what happened to a value
    """What an objective returned is not a value of the study."""


class TrialFailed(Exception):  # noqa: N818 - it says what happened to a trial
    """A trial that failed for a reason that is no exception of an objective's code."""

    def __init__(self, error: TrialError) -> None:
        super().__init__(error.summary)
        self.error = error


class CommonError:
    """The error that most of a run's failed trials have; what it keeps does not grow for ever."""

    def __init__(self) -> None:
        self._found: dict[Cause, tuple[int, str]] = {}

    def add(self, error: TrialError) -> None:
        """Count a failed trial."""
        cause = cause_of(error.kind, error.type, error.message)
        count, text = self._found.get(cause, (0, error.summary))
        if count or len(self._found) < _MAX_CAUSES:
            self._found[cause] = count + 1, text

    def sentence(self, n_failed: int) -> str:
        """Return what to say of a run in which no trial completed and so many failed."""
        count, text = max(self._found.values(), key=lambda each: each[0], default=(0, ""))
        of = "all" if count == n_failed else f"{count} of {n_failed}"
        return (
            f"No trial completed; {of} failed with: {safe_line(text, max_chars=_MAX_ERROR_CHARS)}"
        )


def _one_value(value: object) -> float:
    if isinstance(value, str | bytes | bytearray):
        raise ValueRefused(f"returned {type(value).__name__} {value!r:.80}, expected a number")
    try:
        # Real numbers and what converts itself to one: NumPy scalars, arrays of one element.
        if isinstance(value, numbers.Real) or hasattr(value, "__float__"):
            number = float(value)  # pyright: ignore[reportArgumentType]
        else:
            raise ValueRefused(f"returned {type(value).__name__}, expected a number")
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueRefused(
            f"returned {type(value).__name__} that is no float: {error!s:.200}"
        ) from None
    if math.isnan(number):
        raise ValueRefused("returned NaN; a trial needs a number that can be compared")
    return number


def check_values(returned: object, n_objectives: int) -> list[float]:
    """Return what an objective returned as the study's values.

    Accepts real numbers (bool, NumPy scalars and arrays of one element included) and, for several
    objectives, a sequence of them; infinities are values, NaN and text are not.

    Raises:
        ValueRefused: The wrong kind or the wrong number of values; says which.
    """
    if returned is None:
        raise ValueRefused("returned None; an objective returns its value")
    if isinstance(returned, Sequence) and not isinstance(returned, str | bytes | bytearray | range):
        values = [_one_value(value) for value in cast("Sequence[object]", returned)]
    elif n_objectives > 1 and type(returned).__module__ == "numpy":
        array: Any = returned
        values = [_one_value(value) for value in array.ravel().tolist()]
    else:
        values = [_one_value(returned)]
    if len(values) != n_objectives:
        raise ValueRefused(
            f"returned {plural(len(values), 'value')}, "
            f"the study has {plural(n_objectives, 'objective')}; "
            "a new study takes --direction once for each"
        )
    return values


def describe_exception(error: BaseException) -> TrialError:
    """Return `error` as text, whatever its own methods do."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else _dotted(kind)
    message = ""
    # An exception's own code may do anything, leave the program included.
    with contextlib.suppress(BaseException):
        message = str(error)[:MAX_MESSAGE_CHARS]
    if not message:
        with contextlib.suppress(BaseException):
            message = repr(error)[:MAX_MESSAGE_CHARS]
    try:
        lines = traceback.format_exception(error, limit=-_MAX_FRAMES)
        text = "".join(lines)
    except BaseException as problem:  # noqa: BLE001 - as above
        text = f"(its traceback cannot be shown: {type(problem).__name__})"
    return TrialError("exception", name, message, _end_of(text))


def _end_of(text: str) -> str:
    """Return the end of a traceback from the begin of a line on, and say what is left out."""
    if len(text) <= MAX_TRACEBACK_CHARS:
        return text
    kept = text[-MAX_TRACEBACK_CHARS:]
    kept = kept[kept.find("\n") + 1 :]
    return f"({len(text) - len(kept):,} characters before this are left out)\n{kept}"


def _dotted(kind: type) -> str:
    module = kind.__module__
    # A file that cannot be imported by its name is the main module.
    is_loose = module in ("__main__", "__mp_main__")
    return kind.__qualname__ if is_loose else f"{module}.{kind.__qualname__}"


def failed(error: TrialError) -> dict[str, Any]:
    """Return the end of a trial, as a worker tells it, for one that failed elsewhere."""
    return {"state": "failed", "error": error.to_json()}


def objective_error(problem: Mapping[str, object]) -> ObjectiveError:
    """Return why a worker could not load the objective, from its message `unready`."""
    error = ObjectiveError(str(problem["message"]), hint=str(problem["hint"]))
    error.detail = str(problem["detail"])  # pyright: ignore[reportAttributeAccessIssue]
    return error

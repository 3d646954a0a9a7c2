"""What each message between engine and clients must look like: names, kinds, ranges, sizes.

Fields that are not named here are left alone, so that other versions may add some.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from hptui.engine.ipc.protocol import ProtocolError

Check = Callable[[object], bool]
Fields = Mapping[str, Check]

_MAX_COUNT: Final = 2**63 - 1
_MAX_SECONDS: Final = 1e11
_MAX_LISTED: Final = 10_000
_MAX_CHARS: Final = 1_000_000
_MAX_ROWS: Final = 1_000_000


def require(message: Mapping[str, Any], fields: Fields) -> None:
    """Refuse a message that has not the fields that it must have.

    Raises:
        ProtocolError: One is missing, or is not what it must be; says which.
    """
    for name, is_fit in fields.items():
        if not is_fit(message.get(name, _MISSING)):
            what = "is missing" if name not in message else "is not what it must be"
            raise ProtocolError(f"{name!r} {what}")


_MISSING: Final = object()


def _text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_CHARS


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _number(value: object) -> bool:
    """Whether it is a number, infinite ones and NaN included: an objective may return them."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) < 1 << 1023


def _whole(low: int, high: int = _MAX_COUNT) -> Check:
    def is_fit(value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return is_fit


def _finite(value: object) -> bool:
    return _number(value) and math.isfinite(number := cast("float", value)) and number >= 0


def _seconds(value: object) -> bool:
    return _finite(value) and cast("float", value) <= _MAX_SECONDS


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _may_miss(check: Check) -> Check:
    return lambda value: value is _MISSING or check(value)


def _of(fields: Fields) -> Check:
    def is_fit(value: object) -> bool:
        if not isinstance(value, dict):
            return False
        found = cast("dict[str, object]", value)
        return all(check(found.get(name, _MISSING)) for name, check in fields.items())

    return is_fit


def _list_of(check: Check, most: int) -> Check:
    def is_fit(value: object) -> bool:
        if not isinstance(value, list):
            return False
        items = cast("list[object]", value)
        return len(items) <= most and all(map(check, items))

    return is_fit


def _map_of(check: Check) -> Check:
    def is_fit(value: object) -> bool:
        return isinstance(value, dict) and all(
            map(check, cast("dict[str, object]", value).values())
        )

    return is_fit


_COUNT: Final = _whole(0)
_COUNTS: Final = _of({"complete": _COUNT, "pruned": _COUNT, "fail": _COUNT})
_PLACE: Final = _of(
    {
        "devices": _may_miss(_list_of(_text, 10_000)),
        "cores": _may_miss(_text),
        "host": _may_miss(_text),
    }
)
_SAMPLES: Final = _list_of(_COUNT, 1_000)
_LOAD: Final = _of({"cpu": _SAMPLES, "memory": _SAMPLES, "gpu": _may_miss(_SAMPLES)})
_SLOT: Final = _of(
    {
        "slot": _COUNT,
        "trial": _or_none(_COUNT),
        "running_s": _or_none(_seconds),
        "thinking_s": _may_miss(_or_none(_seconds)),
        "step": _or_none(_whole(-_MAX_COUNT)),
        "value": _or_none(_number),
        "place": _may_miss(_or_none(_PLACE)),
        "load": _may_miss(_or_none(_LOAD)),
        "ending": _flag,
    }
)
_STATUS: Final[Fields] = {
    "study": _text,
    "run": _text,
    "pid": _whole(1, 2**31),
    "state": _text,
    "counts": _COUNTS,
    # Versions before did not tell the next ones.
    "others": _may_miss(_COUNTS),
    "target": _may_miss(_or_none(_number)),
    "notes": _may_miss(_list_of(_text, 1_000)),
    "running": _COUNT,
    "waiting": _COUNT,
    "n_trials": _or_none(_COUNT),
    "rate": _finite,
    "eta_s": _or_none(_seconds),
    "elapsed_s": _seconds,
    "time_left_s": _may_miss(_or_none(_seconds)),
    "best": _or_none(_of({"number": _COUNT, "value": _number})),
    "sampler": _text,
    "pruner": _text,
    "sampler_ms_a_trial": _or_none(_finite),
    "thinking_s": _may_miss(_or_none(_seconds)),
    "ask_ahead": _may_miss(_flag),
    "backend": _text,
    "threads_per_slot": _COUNT,
    "trouble": _text,
    "slots": _list_of(_SLOT, _MAX_LISTED),
}
_WAITING: Final = _of({"trial": _COUNT, "params": _map_of(lambda _: True)})
ANSWERS: Final[Mapping[str, Fields]] = {
    "status": _STATUS,
    "retry": {"text": _text, "trials": _list_of(_COUNT, _MAX_ROWS)},
    "queue": {"text": _text, "waiting": _list_of(_WAITING, _MAX_ROWS)},
    "cancel": {"text": _text, "waiting": _list_of(_WAITING, _MAX_ROWS)},
    "annotate": {"text": _text, "changed": _may_miss(_COUNT), "problem": _may_miss(_text)},
}
"""By operation, what an engine answers; all others answer with a sentence."""
A_SENTENCE: Final[Fields] = {"text": _may_miss(_text)}
THE_SPACE: Final[Fields] = {
    "space": _map_of(_text),
    "edits": _map_of(_map_of(lambda _: True)),
    "since": _may_miss(_map_of(_COUNT)),
}
"""What it answers to `space` without edits."""
REFUSED: Final[Fields] = {"message": _text, "hint": _may_miss(_text)}

_ROW: Final = _of({"params": _map_of(lambda _: True), "user_attrs": _map_of(lambda _: True)})
_TAGS: Final = _list_of(_text, 10_000)
_EDIT: Final = _of(
    {
        "kind": _text,
        "mark": _may_miss(_text),
        # Of a note.
        "trial": _may_miss(_or_none(_COUNT)),
        "version": _may_miss(_or_none(_COUNT)),
        "body": _may_miss(_text),
        # Of tags.
        "trials": _may_miss(_or_none(_list_of(_COUNT, _MAX_ROWS))),
        "add": _may_miss(_TAGS),
        "remove": _may_miss(_TAGS),
        "clears": _may_miss(_flag),
    }
)
REQUESTS: Final[Mapping[str, Fields]] = {
    "stop": {"now": _may_miss(_flag)},
    "kill": {"trial": _whole(-_MAX_COUNT)},
    "jobs": {"n": _whole(-_MAX_COUNT)},
    "enqueue_rows": {"rows": _list_of(_ROW, _MAX_ROWS)},
    "extend": {"trials": _whole(-_MAX_COUNT)},
    "limit": {"seconds": _or_none(_seconds)},
    "space": {
        "edits": _may_miss(_or_none(_map_of(_map_of(lambda _: True)))),
        "dry": _may_miss(_flag),
    },
    "retry": {"trials": _may_miss(_or_none(_list_of(_COUNT, _MAX_ROWS)))},
    "queue": {"trial": _may_miss(_or_none(_COUNT)), "to": _may_miss(_whole(-_MAX_COUNT))},
    "cancel": {"trial": _COUNT},
    "annotate": {"edit": _EDIT},
}
"""By operation, what a client asks with; what is out of a range is answered by the operation."""


def check_answer(request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
    """Refuse what no engine of this version answers to a request.

    Raises:
        ProtocolError: It is that; says which field.
    """
    if answer.get("ok") is not True:
        require(answer, REFUSED)
        return
    operation = str(request.get("op"))
    if operation == "space" and request.get("edits") is None:
        require(answer, THE_SPACE)
    else:
        require(answer, ANSWERS.get(operation, A_SENTENCE))

"""What a person changed of a study between its trials: bounds, workers, budget; who, and when."""

from __future__ import annotations

import os
import pwd
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from hptui.domain.spaces.edits_since import spell_edit
from hptui.domain.spaces.param_edit import edits_from_json
from hptui.domain.texts.text import safe_line
from hptui.errors import SpaceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.spaces.param_edit import ParamEdit

ChangedWhat = Literal["space", "workers", "budget"]
_WHATS: Final[tuple[ChangedWhat, ...]] = ("space", "workers", "budget")
MOST_CHANGES: Final = 200
"""Of more changes than these a study keeps the newest."""
_MAX_TEXT_CHARS: Final = 300
_MAX_NAME_CHARS: Final = 40


@dataclass(frozen=True, slots=True)
class StudyChange:
    """A change that a person made; texts are safe for a terminal."""

    number: int
    """The first trial for which it may count."""
    what: ChangedWhat
    text: str
    at_s: float | None = None
    """Seconds since 1970; None where that is not known."""
    who: str = ""
    """The user; empty where that is not known."""


def read_changes(data: object) -> tuple[StudyChange, ...]:
    """Return what is stored, oldest first; what is no change is left out."""
    items = cast("list[object]", data) if isinstance(data, list) else []
    found = (_read(cast("dict[str, object]", item)) for item in items if isinstance(item, dict))
    return tuple(change for change in found if change is not None)


def _read(item: dict[str, object]) -> StudyChange | None:
    number, at_s = item.get("trial"), item.get("at")
    known: dict[object, ChangedWhat] = {each: each for each in _WHATS}
    what = known.get(item.get("what"))
    if what is None or not isinstance(number, int) or isinstance(number, bool) or number < 0:
        return None
    return StudyChange(
        number,
        what,
        safe_line(item.get("text", ""), max_chars=_MAX_TEXT_CHARS),
        float(at_s) if isinstance(at_s, (int, float)) and not isinstance(at_s, bool) else None,
        safe_line(item.get("by", ""), max_chars=_MAX_NAME_CHARS),
    )


def with_edits_since(
    changes: tuple[StudyChange, ...], edits: object, since: Mapping[str, int]
) -> tuple[StudyChange, ...]:
    """Return changes with those edits in force that nobody has noted, by number.

    Earlier versions stored only edits, as `edits` has them, and from which trial they count.
    """
    noted = {change.number for change in changes if change.what == "space"}
    known = cast("dict[object, object]", edits) if isinstance(edits, dict) else {}
    found = [
        StudyChange(number, "space", _text_of_stored(name, known.get(name)))
        for name, number in since.items()
        if number not in noted
    ]
    return tuple(sorted((*changes, *found), key=lambda change: change.number))


def _text_of_stored(name: str, edit: object) -> str:
    with suppress(SpaceError):
        return space_change_text(edits_from_json({name: edit}))
    return f"{safe_line(name, max_chars=60)} edited"


def add_change(data: object, number: int, what: ChangedWhat, text: str) -> list[Any]:
    """Return what is to be stored once this user has changed something now."""
    items = cast("list[Any]", data) if isinstance(data, list) else []
    change = {"at": round(time.time()), "trial": number, "what": what, "text": text}
    user = _user_name()
    return [*items, {**change, **({"by": user} if user else {})}][-MOST_CHANGES:]


def space_change_text(edits: Mapping[str, ParamEdit]) -> str:
    """Return what edits do, on one safe line: `x low 0.1, high 0.5; kind unedited`."""
    told = ((name, spell_edit(name, edit)) for name, edit in edits.items())
    parts = (f"{safe_line(name, max_chars=60)} {text or 'unedited'}" for name, text in told)
    return safe_line("; ".join(parts), max_chars=_MAX_TEXT_CHARS)


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # A container may have no name for its user.
        return ""

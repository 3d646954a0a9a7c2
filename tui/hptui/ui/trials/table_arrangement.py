"""Which columns of the trial table a person has hidden and shown, from one start to the next.

The table's own columns are the same in all studies, and so is what is remembered of them; those of
parameters and of user attributes are remembered for each study.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.ui.application.ui_state import remember, remembered
from hptui.ui.trials.read_columns import ATTRIBUTE_PREFIX
from hptui.ui.trials.trial_cells import PARAM_PREFIX
from hptui.ui.trials.trial_model import FIRST_HIDDEN

if TYPE_CHECKING:
    from pathlib import Path

_SCREEN: Final = "columns"
_MAX_CHARS: Final = 30_000
"""So much is kept of studies, of those that were arranged last: the file has its limit, too."""


@dataclass(frozen=True, slots=True)
class ShownColumns:
    """Which columns of the trial table are shown."""

    hidden: frozenset[str] = FIRST_HIDDEN
    """Keys of those that are not, the user attributes left out."""
    attributes: tuple[str, ...] = ()
    """Keys of user attributes that are shown."""


def columns_as_before(path: Path, study_name: str) -> ShownColumns:
    """Return which columns of a study were shown when it was last looked at."""
    known = remembered(_SCREEN)
    own = known.get("hidden")
    studies = known.get("studies")
    found = cast("dict[str, Any]", studies) if isinstance(studies, dict) else {}
    of_study = _texts(found.get(_name_of(path, study_name)))
    params = frozenset(key for key in of_study if key.startswith(PARAM_PREFIX))
    hidden = FIRST_HIDDEN if own is None else frozenset(_texts(own))
    shown = tuple(key for key in of_study if key.startswith(ATTRIBUTE_PREFIX))
    return ShownColumns(hidden | params, shown)


def remember_columns(path: Path, study_name: str, columns: ShownColumns) -> None:
    """Keep which columns of a study are shown."""
    params = sorted(key for key in columns.hidden if key.startswith(PARAM_PREFIX))
    studies = remembered(_SCREEN).get("studies")
    kept = dict(cast("dict[str, Any]", studies)) if isinstance(studies, dict) else {}
    name = _name_of(path, study_name)
    kept.pop(name, None)
    of_study = [*params, *columns.attributes]
    if of_study:
        kept[name] = of_study
    while len(json.dumps(kept)) > _MAX_CHARS:
        del kept[next(iter(kept))]
    remember(_SCREEN, hidden=sorted(columns.hidden - set(params)), studies=kept)


def _name_of(path: Path, study_name: str) -> str:
    return f"{path.absolute()}:{study_name}"


def _texts(found: object) -> list[str]:
    if not isinstance(found, list):
        return []
    return [each for each in cast("list[object]", found) if isinstance(each, str)]

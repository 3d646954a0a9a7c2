"""Up to which trial a person had looked at a study when they left it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from hptui.ui.application.ui_state import remember, remembered

if TYPE_CHECKING:
    from hptui.ui.study.snapshot import StudySnapshot

_NAME: Final = "seen"
_MOST_STUDIES: Final = 200
"""Of more studies than these, those left last are remembered."""


class LastSeen:
    """What was known of one study when it was opened; asked for once there are trials."""

    def __init__(self) -> None:
        self._first_unseen: int | None = None
        self._is_known = False

    def first_unseen(self, snapshot: StudySnapshot) -> int | None:
        """Return the first trial that came after the last look; None where there was none."""
        if snapshot.loading is not None or not snapshot.n_trials:
            return None
        if not self._is_known:
            self._is_known = True
            self._first_unseen = _counts().get(_key(snapshot))
        unseen = self._first_unseen
        return unseen if unseen and unseen <= int(snapshot.trials.numbers[-1]) else None

    def keep(self, snapshot: StudySnapshot) -> None:
        """Remember that the trials there are now were seen."""
        if snapshot.loading is not None or not snapshot.n_trials:
            return
        key, counts = _key(snapshot), _counts()
        counts.pop(key, None)
        counts[key] = int(snapshot.trials.numbers[-1]) + 1
        kept = list(counts.items())[-_MOST_STUDIES:]
        remember(_NAME, counts=dict(kept))


def _key(snapshot: StudySnapshot) -> str:
    return f"{snapshot.path}:{snapshot.name}"


def _counts() -> dict[str, int]:
    found = remembered(_NAME).get("counts")
    items = cast("dict[str, object]", found).items() if isinstance(found, dict) else ()
    return {key: count for key, count in items if isinstance(count, int)}

"""Collects what a feed posts, and waits for it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from tests.waiting import DEADLINE_S, wait_until

from hptui.ui.studies.catalogue_feed import Catalogue, CatalogueFeed
from hptui.ui.study.snapshot import StudySnapshot
from hptui.ui.study.study_feed import StudyFeed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator
    from pathlib import Path

Posted = TypeVar("Posted")


class Followed(Generic[Posted]):
    """What a feed has posted so far."""

    def __init__(self, nudge: Callable[[], None]) -> None:
        self.posted: list[Posted] = []
        self.nudge = nudge
        self.want: Callable[[Collection[str]], None] = lambda _: None

    @property
    def latest(self) -> Posted:
        return self.posted[-1]

    def wait_for(self, condition: Callable[[Posted], bool], what: str = "") -> Posted:
        """Wait for something that satisfies the condition, and return it."""

        def has_come() -> bool:
            return bool(self.posted) and condition(self.posted[-1])

        wait_until(has_come, f"{what} {self.posted[-1:]}")
        return self.latest


@contextmanager
def following(
    path: Path, name: str = "study", *, period_s: float = 0.02
) -> Generator[Followed[StudySnapshot]]:
    """Follow a study while the block runs."""
    posted: list[StudySnapshot] = []
    feed = StudyFeed(path, name, posted.append, period_s=period_s)
    followed = Followed[StudySnapshot](feed.nudge)
    followed.want = feed.want
    followed.posted = posted
    feed.start()
    try:
        yield followed
    finally:
        feed.stop()
        assert feed.join(DEADLINE_S)


@contextmanager
def following_all(place: Path, *, period_s: float = 0.02) -> Generator[Followed[Catalogue]]:
    """Follow a folder's studies while the block runs."""
    posted: list[Catalogue] = []
    feed = CatalogueFeed(place, posted.append, period_s=period_s)
    followed = Followed[Catalogue](feed.nudge)
    followed.posted = posted
    feed.start()
    try:
        yield followed
    finally:
        feed.stop()
        assert feed.join(DEADLINE_S)


def snapshot_of(path: Path, name: str = "study") -> StudySnapshot:
    """Read a study as the application does."""
    with following(path, name) as followed:
        return followed.wait_for(lambda snapshot: snapshot.loading is None)

"""The folder of a trial: where it may leave files, and how they go."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import stat
import threading
from pathlib import Path

from hptui.storage.files.side_files import link_on_the_way


class ScratchFolders:
    """The folders of the trials that one worker runs, one after the other.

    A folder that a trial left empty becomes the next trial's: one renaming instead of a removal
    and a creation, which cost more than a short trial beside a disk that is being synced.
    """

    def __init__(self) -> None:
        self._empty = ""

    def begin(self, folder: str) -> None:
        """Give a trial its folder."""
        if self._empty:
            empty, self._empty = self._empty, ""
            with contextlib.suppress(OSError):
                os.rename(empty, folder)  # noqa: PTH104 - a hot path
                return
        Path(folder).mkdir(parents=True, exist_ok=True)

    def end(self, folder: str, *, keep: bool) -> None:
        """Remove a trial's folder with all that is in it, or with `keep` only when it is empty."""
        try:
            is_used = bool(os.listdir(folder)) or os.path.islink(folder)  # noqa: PTH208, PTH114
        except OSError:
            is_used = os.path.lexists(folder)
            if not is_used:
                return
        if not is_used:
            self._empty = folder
        elif not keep:
            clear_scratch(Path(folder))

    def close(self) -> None:
        """Remove the folder that waits for the next trial."""
        if self._empty:
            with contextlib.suppress(OSError):
                os.rmdir(self._empty)  # noqa: PTH106
        self._empty = ""


class SharedScratchFolders:
    """The same for trials that run side by side in one process."""

    def __init__(self) -> None:
        self._empty: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._sweeper = threading.Thread(target=self._sweep, daemon=True)
        self._sweeper.start()

    def begin(self, folder: str) -> None:
        """Give a trial its folder."""
        Path(folder).mkdir(parents=True, exist_ok=True)

    def end(self, folder: str, *, keep: bool) -> None:
        """Remove a trial's folder with all that is in it, or with `keep` only when it is empty."""
        if keep:
            self._empty.put(folder)
        else:
            clear_scratch(Path(folder))

    def close(self) -> None:
        """Wait until what is empty is removed."""
        self._empty.put(None)
        self._sweeper.join()

    def _sweep(self) -> None:
        while (folder := self._empty.get()) is not None:
            with contextlib.suppress(OSError):
                os.rmdir(folder)  # noqa: PTH106 - no use of it: the trial left it empty


def clear_scratch(folder: Path) -> None:
    """Remove a trial's folder with all that is in it.

    Nothing is removed where the study's folder, or `scratch` in it, is a link: it may lead to
    another study's.
    """
    if link_on_the_way(folder.parent, folder.parent.parent.parent) is not None:
        return
    if not folder.is_symlink() and not folder.exists():
        return
    try:
        folder.rmdir()
    except OSError:
        _unlock(folder)
        shutil.rmtree(folder, ignore_errors=True)


def remove_empty(folder: Path) -> None:
    """Remove the empty files and folders in `folder`, and `folder` itself when nothing is left.

    Nothing is removed where a link leads to: it may be anything.
    """
    if folder.is_symlink():
        return
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    os.rmdir(entry.path)  # noqa: PTH106
                elif entry.stat(follow_symlinks=False).st_size == 0:
                    os.unlink(entry.path)  # noqa: PTH108
        folder.rmdir()


def _unlock(folder: Path) -> None:
    # An objective may have taken away its own right to delete.
    if folder.is_symlink():
        folder.unlink()
        return
    for root, folders, _ in os.walk(folder):
        for name in [root, *(str(Path(root) / each) for each in folders)]:
            with contextlib.suppress(OSError):
                if not Path(name).is_symlink():
                    Path(name).chmod(stat.S_IRWXU)

"""Bringing a mirror up to date, once or again and again; one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError, StudyFileError
from hptui.storage.files.side_files import open_side_file
from hptui.storage.mirror.mirror_file import MirrorFile
from hptui.storage.mirror.mirrors import (
    ENGINE_LOCK,
    MirrorState,
    mirror_path,
    mirror_state,
    tell_state,
    touch_state,
)
from hptui.storage.mirror.opening import source_of
from hptui.storage.mirror.source import PasswordError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from hptui.storage.mirror.address import SourceAddress
    from hptui.storage.mirror.source import Source

PERIOD_S: Final = 0.25
"""How often a source is looked at while it is followed."""
_COST_FACTOR: Final = 10.0
"""A source that takes long to look at is left alone for as many times what a look took, at most
for _LONGEST_REST_S: whoever watches must not be a burden."""
_LONGEST_REST_S: Final = 5.0
_LONGEST_WAIT_S: Final = 30.0
_POLL_S: Final = 0.05
_PATIENCE_S: Final = 60.0
"""How long to wait for the process that follows a source, where there is an older mirror."""
_ENGINE_S: Final = 3.0
"""How long to wait for an engine, which looks twice a second while its server answers."""
_A_MOMENT_S: Final = 0.5
_FIRST_PATIENCE_S: Final = 1_200.0
"""The same where there is none."""


class MirrorWriter:
    """Keeps one mirror in step with its source. The process must hold `writing`."""

    def __init__(
        self,
        address: SourceAddress,
        path: Path,
        own_source: Callable[[SourceAddress], Source] | None = None,
    ) -> None:
        self._address = address
        self._own_source = own_source
        self.path = path
        self._file: MirrorFile | None = None
        self._source: Source | None = None
        known = mirror_state(path)
        self.state = known or MirrorState(address.shown, address.only, None)
        if known is None:
            with contextlib.suppress(OSError):
                tell_state(path, self.state)

    def step(self) -> bool:
        """Look at the source once, take what is new, and tell of it beside the mirror.

        Returns:
            Whether anything was new.

        Raises:
            SourceError: The source cannot be reached or read; the mirror stays as it is.
            HptuiError: The mirror cannot be written, or a package is missing.
        """
        began_s = time.time()
        try:
            has_changed = self._look()
        except HptuiError as error:
            self.close()
            self._tell(
                trouble=f"{error.message} {error.hint}".rstrip(),
                wants_password=isinstance(error, PasswordError),
            )
            raise
        file = self._file
        notes = () if file is None else tuple(file.notes)
        if file is not None and file.n_unfit:
            notes = (
                *notes,
                f"{plural(file.n_unfit, 'row does', 'rows do')} not fit into a study file.",
            )
        if self.state.trouble or self.state.synced_s is None or self.state.notes != notes:
            self._tell(trouble="", notes=notes)
        # What is written there while it is being read may be missing.
        self.state = replace(self.state, synced_s=began_s)
        with contextlib.suppress(OSError):
            touch_state(self.path, began_s)
        return has_changed

    def close(self) -> None:
        """Let go of source and file; the next step opens them again."""
        source, self._source = self._source, None
        file, self._file = self._file, None
        if source is not None:
            source.close()
        if file is not None:
            file.close()

    def _look(self) -> bool:
        try:
            if self._source is None:
                source = (self._own_source or source_of)(self._address)
                source.open()
                self._source = source
            if self._file is None:
                self._file = self._opened()
            return self._file.take(self._source.changes(self._file.cursor or None, self._file))
        except HptuiError:
            raise
        except Exception as error:  # drivers raise what they like
            raise SourceError(
                f"{safe_line(self._address.shown)} cannot be read: "
                f"{type(error).__name__}: {safe_line(error)}."
            ) from error

    def _opened(self) -> MirrorFile:
        file = MirrorFile(self.path)
        if not file.cursor:
            # Nothing can be known of rows without it.
            file.clear()
        return file

    def _tell(
        self,
        *,
        trouble: str,
        wants_password: bool = False,
        notes: tuple[str, ...] | None = None,
    ) -> None:
        before = self.state
        if trouble == before.trouble and trouble:
            return
        self.state = replace(
            before,
            trouble=trouble,
            wants_password=wants_password,
            synced_s=time.time() if not trouble else before.synced_s,
            notes=before.notes if notes is None else notes,
        )
        with contextlib.suppress(OSError):
            tell_state(self.path, self.state)


@contextlib.contextmanager
def writing(path: Path) -> Generator[bool]:
    """Hold a mirror for writing within the block; yields False where another process does.

    Raises:
        StudyFileError: The folder of the mirrors cannot be written.
    """
    with _locked(path.with_suffix(".lock")) as is_held:
        yield is_held


@contextlib.contextmanager
def _locked(path: Path) -> Generator[bool]:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = open_side_file(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise StudyFileError(
            f"{safe_line(path.parent)} cannot be written: {safe_line(error.strerror)}.",
            hint="Copies of studies on servers are kept there; XDG_CACHE_HOME names another place.",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def engine_writing(path: Path) -> Generator[bool]:
    """Hold a mirror for an engine that runs its study; a process that follows it gives way.

    Yields False where another engine has it, or who writes it does not end.

    Raises:
        StudyFileError: The folder of the mirrors cannot be written.
    """
    began_s = time.monotonic()
    while True:
        with contextlib.ExitStack() as stack:
            is_first = stack.enter_context(_locked(path.with_suffix(ENGINE_LOCK)))
            if is_first and _enter_patiently(stack, path):
                yield True
                return
        # Others look at the lock for a moment.
        if is_first or time.monotonic() - began_s > _A_MOMENT_S:
            yield False
            return
        time.sleep(_POLL_S)


def _enter_patiently(stack: contextlib.ExitStack, path: Path) -> bool:
    began_s = time.monotonic()
    while time.monotonic() - began_s < _PATIENCE_S:
        with contextlib.ExitStack() as attempt:
            if attempt.enter_context(writing(path)):
                stack.push(attempt.pop_all())
                return True
        time.sleep(_POLL_S)
    return False


def is_engines(path: Path) -> bool:
    """Say whether an engine keeps a mirror in step, or is waiting to."""
    lock = path.with_suffix(ENGINE_LOCK)
    if not lock.exists():
        return False
    with _locked(lock) as is_free:
        return not is_free


def refresh(address: SourceAddress) -> MirrorState:
    """Bring the mirror of a source up to date once, or wait for the process that follows it.

    A source that cannot be read leaves the mirror as it was; the state says why it is old.

    Raises:
        PasswordError: It wants another password; the mirror may be there all the same.
        HptuiError: It cannot be read, and never was.
    """
    path, began_s = mirror_path(address), time.time()
    while True:
        waited_s = time.time() - began_s
        with writing(path) as is_held:
            if is_held:
                return _step_once(address, path)
            state = mirror_state(path)
            if state is not None and state.synced_s is not None:
                if state.trouble or state.synced_s >= began_s:
                    return state
                if waited_s > (_ENGINE_S if is_engines(path) else _PATIENCE_S):
                    return state
            elif state is not None and state.trouble:
                raise SourceError(state.trouble)
            elif waited_s > _FIRST_PATIENCE_S:
                raise SourceError(
                    f"Another process has been reading {safe_line(address.shown)} for "
                    f"{waited_s / 60:.0f} minutes."
                )
        time.sleep(_POLL_S)


def catch_up(address: SourceAddress) -> None:
    """Bring the mirror up to date with a change that was made at its source, if that can be."""
    with contextlib.suppress(HptuiError):
        refresh(address)


def _step_once(address: SourceAddress, path: Path) -> MirrorState:
    writer = MirrorWriter(address, path)
    try:
        writer.step()
    except PasswordError:
        raise
    except HptuiError:
        if writer.state.synced_s is None:
            raise
    finally:
        writer.close()
    return writer.state


def follow(
    address: SourceAddress,
    wait: Callable[[float], bool],
    tell: Callable[[MirrorState], None] = lambda _: None,
) -> None:
    """Keep the mirror of a source in step with it until `wait` says that it is over.

    While another process follows the same source, this one stands by.

    Args:
        address: The source.
        wait: Waits so many seconds, and returns True where it is over.
        tell: Told after each look that has changed anything, and of each trouble.

    Raises:
        StudyFileError: The folder of the mirrors cannot be written.
    """
    path = mirror_path(address)
    while True:
        if not is_engines(path):
            with writing(path) as is_held:
                if is_held and _follow(MirrorWriter(address, path), wait, tell):
                    return
        if wait(PERIOD_S):
            return


def _follow(
    writer: MirrorWriter, wait: Callable[[float], bool], tell: Callable[[MirrorState], None]
) -> bool:
    """Keep a mirror in step; return whether it is over, else an engine does it from now on."""
    pause_s, told = PERIOD_S, ""
    try:
        while True:
            began_s = time.monotonic()
            try:
                has_changed = writer.step()
            except HptuiError:
                # Each failure in a row doubles the time to the next look.
                pause_s = min(_LONGEST_WAIT_S, 2 * pause_s)
                has_changed = writer.state.trouble != told
            else:
                rest_s = _COST_FACTOR * (time.monotonic() - began_s)
                pause_s = max(PERIOD_S, min(_LONGEST_REST_S, rest_s))
                has_changed |= bool(told)
            told = writer.state.trouble
            if has_changed:
                tell(writer.state)
            look_at_s = time.monotonic() + pause_s
            while (left_s := look_at_s - time.monotonic()) > 0:
                if wait(min(PERIOD_S, left_s)):
                    return True
                if is_engines(writer.path):
                    return False
    finally:
        writer.close()

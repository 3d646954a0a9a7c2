"""Why a script did not come to the study that was asked for, and what to do about it."""

from __future__ import annotations

import ast
import contextlib
import linecache
import sys
import traceback
from typing import TYPE_CHECKING, Any, cast

from hptui.domain.texts.text import safe_line
from hptui.registry.loading.load import LoadError, describe_error

if TYPE_CHECKING:
    import mmap
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from hptui.domain.script_study import ScriptStudy
    from hptui.registry.scripts.import_guard import ScriptGuard

_MAX_USAGE_CHARS = 1_500
_TELL_ARGUMENTS = "Pass its arguments after --: hptui run {name} -- ARGUMENTS."
_OF_NOTEBOOKS = ("get_ipython", "display")
_NO_STUDY = "Call study.optimize(objective, n_trials=...) in it; hptui runs the trials."
_IN_PROCESSES = (
    "Call study.optimize(objective, n_trials=...) once, in the script itself: hptui runs its "
    "trials in as many processes as --workers says."
)


class ScriptFailures:
    """Says why one run of a script ended before its trials.

    Args:
        path: The script.
        wanted: The study that was asked for: its number, its name, or empty for the first.
        seen: The studies that it has come to; more are added while it runs.
        guard: What keeps the script from studies of its own.
        in_child: One byte: whether a forked child has optimized.
        is_served: Whether trials are run, and the studies not only listed.
    """

    def __init__(
        self,
        path: Path,
        wanted: str,
        seen: Sequence[ScriptStudy],
        guard: ScriptGuard,
        in_child: mmap.mmap,
        *,
        is_served: bool,
    ) -> None:
        self._path, self._wanted, self._seen = path, wanted, seen
        self._guard, self._in_child, self._is_served = guard, in_child, is_served
        self._name = safe_line(path.name)
        self.tree = ast.Module([], [])
        """The script's syntax, once it is read."""
        self.heard = _Heard()

    def never(self) -> LoadError:
        """Return what to say of a script that has ended without its trials."""
        if self._seen:
            return LoadError(
                f"{self._name} has no study {safe_line(self._wanted)!r}; it optimizes "
                f"{_listed(self._seen)}.",
                hint="Name one of them with --study-of, by its number or its name.",
            )
        if self._in_child[0] or self._guard.has_spawned:
            return LoadError(
                f"{self._name} does not call study.optimize itself; hptui cannot take it over in "
                "processes that the script starts.",
                hint=_IN_PROCESSES,
            )
        line = _optimizing_line(self.tree)
        return LoadError(
            f"{self._name} ended without calling study.optimize.",
            hint=_NO_STUDY
            if not line
            else f"The call is in line {line}; reaching it may need arguments. "
            + _TELL_ARGUMENTS.format(name=self._name),
        )

    def failure(self, error: BaseException) -> LoadError:
        """Return what to say of a script that has ended before its trials."""
        line = _deepest_line(error, self._path)
        where = safe_line(f"{self._path}, line {line}" if line else self._path)
        text, detail = describe_error(_from_script_on(error, self._path))
        if "study.optimize" in self._guard.left_out:
            return LoadError(
                f"{where}: it sends its study to processes that optimize it there, where hptui "
                "cannot take it over.",
                hint=_IN_PROCESSES,
                detail=detail,
            )
        if self._in_child[0]:
            return self.never()
        if self._seen:
            return self._needs_results(line, text, detail)
        if isinstance(error, SystemExit):
            return self._left(error, where, detail)
        missed = self._guard.missed
        if missed is not None and isinstance(error, KeyError):
            name, address = missed
            kept = f" in {safe_line(address)}" if address else ""
            return LoadError(
                f"{where}: there is no study {safe_line(name)!r}{kept}, or it cannot be reached, "
                "so its direction is unknown.",
                hint="Replace load_study by optuna.create_study(direction=..., study_name=..., "
                "storage=..., load_if_exists=True); hptui keeps the trials in its own file.",
                detail=detail,
            )
        return LoadError(f"{where}: {text}", hint=self._hint(error, line), detail=detail)

    def _needs_results(self, line: int, text: str, detail: str) -> LoadError:
        *_, last = self._seen
        wanted = self._wanted
        place = f"line {line}" if line else "later"
        return LoadError(
            f"After study {last.number} (line {last.line}) {self._name} needs its results "
            f"({place}: {text}), so hptui cannot reach "
            + (f"study {safe_line(wanted)!r}." if self._is_served else "those after it."),
            hint=f"Known: {_listed(self._seen)}. Let an argument of the script choose the study, "
            "or move what uses the results after all calls of study.optimize.",
            detail=detail,
        )

    def _left(self, error: SystemExit, where: str, detail: str) -> LoadError:
        hint = _TELL_ARGUMENTS.format(name=self._name)
        if isinstance(error.code, str):
            text = safe_line(" ".join(error.code.split()), max_chars=_MAX_USAGE_CHARS)
            return LoadError(f"{where}: {text}", hint=hint, detail=detail)
        heard = self.heard.text
        if "usage" in heard.lower():
            return LoadError(f"{self._name} rejects its arguments. {heard}", hint=hint)
        after = f": {heard}" if heard else ""
        code = safe_line(error.code or 0)
        return LoadError(
            f"{where}: it exits here (exit code {code}){after}",
            hint=f"{_NO_STUDY} {hint}",
            detail=detail,
        )

    def _hint(self, error: BaseException, line: int) -> str:
        if isinstance(error, ModuleNotFoundError) and error.name:
            return (
                f"Give workers a Python that has {safe_line(error.name)} (--python PATH), or "
                "install it here."
            )
        if self._guard.has_spawned:
            return _IN_PROCESSES
        if isinstance(error, FileExistsError):
            return (
                "Each worker runs the script up to its call of study.optimize: let it continue if "
                "another worker has already created this, as with os.makedirs(..., exist_ok=True)."
            )
        if isinstance(error, EOFError):
            return f"The script gets no input here. {_TELL_ARGUMENTS.format(name=self._name)}"
        if isinstance(error, NameError) and error.name in _OF_NOTEBOOKS:
            return f"Only a notebook has {error.name}: remove this line, or put it under an if."
        source = linecache.getline(str(self._path), line)
        if isinstance(error, IndexError | ValueError) and "argv" in source:
            return _TELL_ARGUMENTS.format(name=self._name)
        return (
            "hptui runs the script up to its call of study.optimize; nothing was tuned or stored."
        )


def _listed(studies: Sequence[ScriptStudy]) -> str:
    return ", ".join(
        safe_line(f"{each.number} (line {each.line}{', ' + each.name if each.name else ''})")
        for each in studies
    )


def _optimizing_line(tree: ast.Module) -> int:
    """Return the first line that names a method `optimize`; 0 where none does."""
    lines = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "optimize"
    ]
    return min(lines, default=0)


def _deepest_line(error: BaseException, path: Path) -> int:
    frames = [
        each for each in traceback.extract_tb(error.__traceback__) if each.filename == str(path)
    ]
    return (frames[-1].lineno or 0) if frames else 0


def _from_script_on(error: BaseException, path: Path) -> BaseException:
    """Return an exception without the frames of hptui's that have run the script."""
    start: TracebackType | None = error.__traceback__
    while start is not None and start.tb_frame.f_code.co_filename != str(path):
        start = start.tb_next
    return error.with_traceback(start or error.__traceback__)


class _Heard:
    """Keeps the end of what Python code writes to standard error, until it is told to stop."""

    def __init__(self) -> None:
        self._text = ""
        self._stream: Any = None

    def begin(self) -> None:
        """Listen to what stands for `sys.stderr` now, where its methods can be replaced."""
        stream = cast("Any", sys.stderr)
        write = stream.write

        def heard(text: object) -> int:
            # Click tries with bytes what kind of stream it is.
            if isinstance(text, str):
                self._text = f"{self._text}{text}"[-_MAX_USAGE_CHARS:]
            return write(text)

        with contextlib.suppress(AttributeError):
            stream.write = heard
            self._stream = stream

    def stop(self) -> None:
        """Give the stream its own method back."""
        if self._stream is not None:
            with contextlib.suppress(AttributeError):
                del self._stream.write

    @property
    def text(self) -> str:
        """What was written last, in one line."""
        return safe_line(" ".join(self._text.split()), max_chars=_MAX_USAGE_CHARS)

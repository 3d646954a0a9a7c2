"""The tab of a trial that says why it failed or was pruned; its trace can be folded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hptui.domain.causes import TRACEBACK, trace_title
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import escape_text, redacted, safe_line, safe_text
from hptui.ui.trial.trial_page_lines import error_sentence, pruned_sentence

if TYPE_CHECKING:
    from hptui.storage.read.trial_detail import StoredError, TrialDetail
    from hptui.ui.trial.trial_lines import Line

FOLD_ROLE: Final = "action"
"""Of the line that folds the trace and unfolds it."""
_MAX_CHARS: Final = 400_000
"""Of a trace with control characters spelled out; what is stored is shorter."""
_MAX_MESSAGE_LINES: Final = 8
_MAX_LINE_CHARS: Final = 500
"""Of a message, so that what is below stays in sight; copying takes all of it."""
_FRAME: Final = re.compile(r'^ *File "(.+)", line (\d+)(?:, in (.+))?$', re.MULTILINE)


def trace_of(trial: TrialDetail | None) -> str:
    """Return what can be unfolded of a trial, as `trace_title` calls it, or an empty text."""
    error = None if trial is None else trial.error
    return "" if error is None else trace_title(error.kind, error.traceback)


def why_lines(
    trial: TrialDetail | None, *, is_unfolded: bool = False, key: str = "enter"
) -> list[Line]:
    """Return why a trial failed or was pruned: a sentence, where it was raised, the trace.

    Args:
        trial: The trial; None before it has been read.
        is_unfolded: Show the traceback or last output, not only how long it is.
        key: What is pressed to fold it or unfold it.
    """
    if trial is None:
        return []
    if trial.state == "PRUNED":
        return [[(pruned_sentence(trial), "")]]
    error = trial.error
    if error is None:
        sentence = error_sentence(trial)
        return [[(sentence, "failed")]] if sentence else [[("It has not failed.", "note")]]
    lines = _message_lines(error)
    traceback = _traceback_of(error)
    title = trace_of(trial)
    if title:
        place = _raised_at(error.traceback) if title == TRACEBACK else ""
        if place:
            lines.append([(place, "note")])
        count = plural(len(traceback), "line")
        mark, verb = ("▾", "folds it") if is_unfolded else ("▸", "unfolds it")
        lines += [[], [(f"{mark} {title}, {count}", FOLD_ROLE), (f"   {key} {verb}", "note")]]
        if is_unfolded:
            lines += [[(line, "")] for line in traceback]
    return lines


def why_text(trial: TrialDetail | None) -> str:
    """Return the same as text to be copied: message and trace as they are stored.

    Control characters are made visible and passwords in addresses left out.
    """
    if trial is None or trial.error is None or trial.state == "PRUNED":
        return "\n".join("".join(part for part, _ in line) for line in why_lines(trial))
    error = trial.error
    head = f"{error.type}: {error.message}".removesuffix(": ") if error.type else error.message
    return escape_text(redacted("\n\n".join(filter(None, (head, error.traceback.strip("\n"))))))


def _message_lines(error: StoredError) -> list[Line]:
    """Return type and message; a message of several lines keeps the first of them."""
    first, *more = safe_text(error.message).expandtabs(4).splitlines() or [""]
    kind = safe_line(error.type)
    head = f"{kind}: {first}".removesuffix(": ") if kind else first
    lines = [head, *more]
    shown: list[Line] = [[(_cut(line), "failed")] for line in lines[:_MAX_MESSAGE_LINES]]
    if len(lines) > _MAX_MESSAGE_LINES:
        shown.append([(f"and {plural(len(lines) - _MAX_MESSAGE_LINES, 'more line')}", "note")])
    return shown


def _cut(line: str) -> str:
    return line if len(line) <= _MAX_LINE_CHARS else f"{line[: _MAX_LINE_CHARS - 1]}…"


def _traceback_of(error: StoredError) -> list[str]:
    return safe_text(error.traceback.strip("\n"), max_chars=_MAX_CHARS).expandtabs(4).splitlines()


def _raised_at(traceback: str) -> str:
    """Return where the innermost frame stands; empty where no frame can be found."""
    frames = _FRAME.findall(traceback)
    if not frames:
        return ""
    path, line, function = frames[-1]
    where = f"in {function}, " if function and function != "<module>" else ""
    return safe_line(f"raised {where}{path}, line {line}", max_chars=400)

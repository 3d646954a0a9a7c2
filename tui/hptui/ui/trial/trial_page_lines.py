"""What the tabs and the header of a trial's page say: why it ended so, reports, log, files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.domain.texts.readable import four_digits, show_moment, show_size
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import STATE_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.storage.read.artifacts import Artifact
    from hptui.storage.read.trial_detail import TrialDetail
    from hptui.ui.trial.trial_lines import Line
    from hptui.ui.trial.trial_page import TrialFiles, TrialPage


def headline(page: TrialPage) -> tuple[str, str]:
    """Return a trial's state as a word of the table, and a sentence about its end."""
    trial = page.detail
    if trial is None:
        return "", safe_line(page.trouble, max_chars=400) or "Reading the trial."
    word = STATE_WORDS[trial.state]
    stale = "The engine that ran it died." if trial.state == "STALE" else ""
    return word, stale or error_sentence(trial) or pruned_sentence(trial)


def error_sentence(trial: TrialDetail) -> str:
    """Return why a trial failed: the error's type and message, or how it was ended."""
    error = trial.error
    if error is None:
        return (
            "It failed; the program that ran it did not store why." if trial.state == "FAIL" else ""
        )
    message = safe_line(error.message, max_chars=1_000)
    return f"{safe_line(error.type)}: {message}" if error.type else message


def pruned_sentence(trial: TrialDetail) -> str:
    """Return why a trial was pruned."""
    pruned = trial.pruned
    if pruned is not None:
        text = safe_line(pruned.text, max_chars=1_000)
        return text or f"Pruned by {safe_line(pruned.by)} at step {pruned.step}."
    if trial.state != "PRUNED":
        return ""
    if not trial.reports:
        return "It was pruned; the program that ran it did not store why."
    step, value = trial.reports[-1]
    return f"It was pruned after step {step}, where it reported {four_digits(value)}."


def report_lines(trial: TrialDetail) -> list[Line]:
    """Return steps and values of the reports, newest first."""
    if not trial.reports:
        return [[("It has reported nothing.", "note")]]
    widest = max(len(f"{step:,}") for step, _ in trial.reports)
    lines: list[Line] = [
        [(f"{step:>{widest},}  ", "note"), (repr(value), "")]
        for step, value in reversed(trial.reports)
    ]
    if trial.n_reports > len(trial.reports):
        lines.append([(f"and {trial.n_reports - len(trial.reports):,} before", "note")])
    return lines


def file_lines(files: TrialFiles, artifacts: Sequence[Artifact] = ()) -> list[Line]:
    """Return the artifacts of a trial, its folder, and a line for each file there."""
    lines = _artifact_lines(artifacts)
    if lines and files.folder is None:
        return lines
    return [*lines, *([[]] if lines else []), *_folder_lines(files)]


def _artifact_lines(artifacts: Sequence[Artifact]) -> list[Line]:
    if not artifacts:
        return []
    lines: list[Line] = [[("artifacts, in the store that the objective chose", "note")], []]
    for each in artifacts:
        about = "  ".join(filter(None, (each.mimetype, each.encoding, each.id)))
        name = safe_line(each.filename, max_chars=300)
        lines.append([(name, ""), (f"  {safe_line(about, max_chars=300)}", "note")])
    return lines


def _folder_lines(files: TrialFiles) -> list[Line]:
    if files.folder is None:
        return [[("It has no files: hptui.trial_dir() makes a folder for them.", "note")]]
    lines: list[Line] = [[(safe_line(files.folder, max_chars=400), "note")], []]
    for each in files.found:
        size, changed = show_size(each.n_bytes), show_moment(each.changed_s)
        lines.append([(f"{size:>9}  {changed}  ", "note"), (each.name, "")])
    if not files.found:
        lines.append([("It is empty.", "note")])
    if files.has_more:
        lines.append([("and more", "note")])
    return lines


def log_lines(page: TrialPage) -> list[Line]:
    """Return what a trial has printed, as far as it is kept."""
    log = page.log
    if log.problem:
        return [[(log.problem, "failed")]]
    if not log.exists:
        word = page.detail.state if page.detail is not None else ""
        text = "It has printed nothing yet." if word == "RUNNING" else "There is no log of it."
        return [[(text, "note")]]
    lines: list[Line] = [list(line) for line in log.lines]
    if log.is_cut:
        lines.insert(0, [("Earlier output is in the file.", "note")])
    return lines or [[("It has printed nothing.", "note")]]


def log_title(page: TrialPage) -> str:
    """Return the title of the log: how long it is and where it stands."""
    if not page.log.exists or page.log_path is None:
        return "log"
    return f"log, {show_size(page.log.n_bytes)}, {safe_line(page.log_path.name)}"


def trial_tabs(page: TrialPage) -> tuple[list[tuple[str, str]], frozenset[str]]:
    """Return the tabs of a trial, and the ids of those that have something to show."""
    trial = page.detail
    is_pruned = trial is not None and trial.state == "PRUNED"
    n_artifacts = 0 if trial is None else len(trial.artifacts)
    n_files = len(page.files.found) + n_artifacts
    tabs = [
        ("curve", "curve"),
        ("log", "log"),
        ("why", "pruned" if is_pruned else "error"),
        ("files", f"files {n_files}" if n_files else "files"),
    ]
    full = {"curve"} if trial is not None and trial.reports else set[str]()
    if page.log.exists:
        full.add("log")
    if trial is not None and trial.state in ("PRUNED", "FAIL"):
        full.add("why")
    if page.files.folder is not None or n_artifacts:
        full.add("files")
    return tabs, frozenset(full)

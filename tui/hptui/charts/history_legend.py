"""What stands below a history: what its marks mean, how many there are, and what is not drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hptui.domain.readable import four_digits
from hptui.figures.canvas.chart import LegendEntry
from hptui.figures.canvas.picture import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.analysis.history_scene import HistoryScene, HistorySource
    from hptui.figures.canvas.picture import Role


def history_legend(
    source: HistorySource,
    scene: HistoryScene,
    *,
    target: float | None,
    target_name: str = "target",
    is_log: bool,
    unicode: bool,
) -> Sequence[LegendEntry]:
    """Return the entries of a history's legend, with its counts."""
    history = source.history
    entries: list[LegendEntry] = []

    def add(importance: int, mark: str, role: Role, text: str) -> None:
        spans = (Span(f"{mark} ", role), Span(text, "note")) if mark else (Span(text, "note"),)
        entries.append(LegendEntry(spans, importance))

    is_complete = ~np.isnan(history.values)
    n_infeasible = int((is_complete & ~history.is_feasible).sum())
    n_feasible = int(is_complete.sum()) - n_infeasible
    _add_best(entries, source, unicode=unicode)
    add(7, "▖" if unicode else "o", "trial", f"{n_feasible} complete")
    others: tuple[tuple[int, str, Role, int], ...] = (
        (6, "·.", "pruned", len(source.pruned.numbers)),
        (5, "●R", "running", len(source.running.numbers)),
        (5, "◌S", "stale", len(source.stale.numbers)),
        (3, "⊘X", "infeasible", n_infeasible),
    )
    for importance, marks, role, count in others:
        if count:
            add(importance, marks[0 if unicode else 1], role, f"{count} {role}")
    if target is not None:
        where = "" if scene.target is not None else ", out of sight"
        mark = "┄" if unicode else "-"
        add(7, mark, "target", f"{target_name} {four_digits(target)}{where}")
    far = (scene.far, scene.far_pruned, scene.far_running, scene.far_stale)
    n_far = sum(len(points.x) for points in far)
    if n_far:
        where = "above" if scene.far_is_above else "below"
        add(4, far_mark(scene)[0 if unicode else 1], "label", f"{n_far} far {where}")
    for importance, count, what in (
        (8, scene.n_infinite, "infinite, not drawn"),
        (8, scene.n_not_positive, "not above 0, not drawn"),
        (4, scene.n_out_of_sight, "out of sight"),
    ):
        if count:
            add(importance, "", "note", f"{count} {what}")
    if is_log:
        add(1, "", "note", "log axis")
    return entries


def far_mark(scene: HistoryScene) -> tuple[str, str]:
    """Return the character of a trial beyond the edge of the chart, and its ASCII form."""
    return ("▴", "^") if scene.far_is_above else ("▾", "v")


def why_nothing(source: HistorySource, *, is_log: bool, is_part: bool) -> str:
    """Return a sentence for a history of which nothing can be seen.

    `is_part` says that it is a part of a longer one.
    """
    history = source.history
    n_complete = int((~np.isnan(history.values)).sum())
    n_running, n_pruned = len(source.running.numbers), len(source.pruned.numbers)
    if n_complete and is_log and np.isfinite(history.values).any():
        return "No value is above 0, so a log axis shows none."
    if n_complete:
        return "No value is finite, so there is nothing to draw."
    if is_part:
        return "No trial in this part has a value."
    if not (len(history.numbers) or n_running):
        return "No trial yet."
    if n_running:
        return f"No trial has completed yet; {n_running} {_are(n_running)} running."
    if source.n_waiting:
        return f"No trial has completed yet; {source.n_waiting} {_are(source.n_waiting)} waiting."
    ended = [f"{n_pruned} pruned"] if n_pruned else []
    ended += [f"{source.n_failed} failed"] if source.n_failed else []
    ended += [f"{len(source.stale.numbers)} stale"] if len(source.stale.numbers) else []
    return f"No trial has completed{': ' if ended else ''}{', '.join(ended)}."


def _add_best(entries: list[LegendEntry], source: HistorySource, *, unicode: bool) -> None:
    history = source.history
    if not len(history.best) or np.isnan(history.best[-1]):
        return
    text = f"{'★' if unicode else '*'} {four_digits(float(history.best[-1]))}"
    row = history.best_row
    if row is not None:
        text += f" #{history.numbers[row]}"
    entries.append(LegendEntry((Span(text, "best"),), 9))


def _are(count: int) -> str:
    return "is" if count == 1 else "are"

"""What probing found out, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.domain.texts.readable import by_count, plural, show_duration
from hptui.domain.texts.text import safe_line, sentence
from hptui.ui.commands.command_table import KeyOf, default_key

if TYPE_CHECKING:
    from hptui.registry.probing.probe_result import ProbeResult
    from hptui.ui.setup.space_draft import SpaceDraft

_SHOWN: Final = 3


def title_of(space: SpaceDraft, probed: ProbeResult | None, took_s: float) -> str:
    """Return a line that says how much is known of a search space, and how it was found."""
    if not space.known:
        return "search space"
    parts = [plural(len(space.known), "parameter")]
    if n_edited := sum(map(space.is_edited, space.known)):
        parts.append(f"{n_edited} edited")
    if probed is not None and probed.n_trials:
        trials = plural(probed.n_trials, "trial")
        parts.append(f"found by {trials} in {show_duration(took_s)}")
    return "search space  " + ", ".join(parts)


def findings(probed: ProbeResult, key_of: KeyOf = default_key) -> list[str]:
    """Return what a person should know before the start; nothing when all is plain."""
    found: list[str] = []
    if probed.error or probed.fault:
        found.append(sentence(probed.error or probed.fault))
    if probed.dynamic:
        names = sorted(safe_line(name, max_chars=40) for name in probed.dynamic)
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        listed = ", ".join(names[:_SHOWN]) + more
        verb = by_count(len(names), "depends", "depend")
        found.append(f"The space of {listed} {verb} on other values; an edit holds for all of it.")
    if probed.parameters and not probed.complete:
        more = "there may be more parameters"
        found.append(f"Not every choice was tried; {more}. {key_of('probe')} looks again.")
    return found


def never_reports(probed: ProbeResult) -> bool:
    """Say whether a whole trial ran and reported no intermediate value."""
    # Trials that were cut off may have come to it later.
    return not probed.reports and probed.values_returned is not None

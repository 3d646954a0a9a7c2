"""What samplers and pruners are said to cost is what the page of benchmarks has measured."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest
from tests.docs.pages import PAGES, page_text

from hptui.domain.methods.asked_methods import METHODS

if TYPE_CHECKING:
    from hptui.domain.methods.options import Method

SIZES: Final = (1_000, 10_000, 100_000)
FACTOR: Final = 2.0
"""Rules of thumb say no more."""
MOST_MS: Final = 50.0
"""What a trial may take for its sampler to be called practical."""
COST: Final = re.compile(
    r"(?P<less>Less than )?(?P<low>[\d.]+)(?: to (?P<high>[\d.]+))? (?P<unit>ms|s)\b"
    r"(?:[^:]*?\bat (?P<size>[\d,]+))?"
)
ROW: Final = re.compile(
    r"^\| `(?P<name>[a-z]+)`(?:[^|]*after (?P<sizes>\d+ / \d+))?[^|]*\|[^|]*\|(?P<own>[^|]*)\|",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Told:
    """How long something is said to take, in milliseconds."""

    low: float
    high: float
    n_trials: int | None
    """None means after any number of trials."""


def told_by(cost: str) -> list[Told]:
    found: list[Told] = []
    for each in COST.finditer(cost):
        unit = 1000 if each["unit"] == "s" else 1
        low, high = float(each["low"]), float(each["high"] or each["low"])
        size = each["size"]
        found.append(
            Told(
                0 if each["less"] else low * unit,
                high * unit,
                int(size.replace(",", "")) if size else None,
            )
        )
    return found


def measured() -> dict[str, dict[int, float]]:
    """Return hptui's milliseconds by method and number of trials; the first row of each name."""
    table: dict[str, dict[int, float]] = {}
    for row in ROW.finditer(page_text(PAGES["benchmarks"])):
        own = row["own"].split("/")
        sizes = SIZES if row["sizes"] is None else tuple(map(int, row["sizes"].split("/")))
        table.setdefault(row["name"], dict(zip(sizes, map(float, own), strict=True)))
    return table


MEASURED: Final = measured()
TOLD: Final = [
    pytest.param(method, id=method.name)
    for family in ("sampler", "pruner")
    for method in METHODS[family]
    if method.name not in ("auto", "none")
]


@pytest.mark.parametrize("method", TOLD)
def test_what_a_method_is_said_to_cost_was_measured(method: Method) -> None:
    figures = MEASURED[method.name]
    told = told_by(method.cost)
    assert told
    for each in told:
        compared = list(figures.values()) if each.n_trials is None else [figures[each.n_trials]]
        for figure in compared:
            assert each.low / FACTOR <= figure <= each.high * FACTOR, (each, figure)


@pytest.mark.parametrize("method", TOLD)
def test_up_to_how_many_trials_it_is_practical_is_as_measured(method: Method) -> None:
    is_for_any = "any number" in method.cost
    is_for_many = any(each in method.cost for each in ("hundreds of thousands", "a million"))
    is_for_some = any(each in method.cost for each in ("up to a few hundred", "up to about"))
    assert is_for_any + is_for_many + is_for_some == 1
    figures = MEASURED[method.name]
    if not is_for_some:
        assert figures[100_000] <= MOST_MS
    if is_for_any:
        assert figures[100_000] <= figures[1_000] * FACTOR

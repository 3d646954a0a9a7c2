"""What one probe trial showed of a search space.

Values are numbers throughout: of a choice, its index in the list of choices.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from hptui.domain.spaces.space import (
    ParamSpec,
    spec_from_json,
    spec_to_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

End = Literal["returned", "reported", "raised", "died", "quiet", "deadline"]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A parameter that a trial suggested, and the value that it got."""

    name: str
    spec: ParamSpec
    value: float

    def to_json(self) -> dict[str, Any]:
        """Return the suggestion as plain data."""
        return {"name": self.name, "spec": spec_to_json(self.spec), "value": self.value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Suggestion:
        """Read what `to_json` wrote; raises SpaceError, KeyError or TypeError if it did not."""
        value: object = data["value"]
        if not isinstance(value, int | float):
            raise TypeError("a suggested value is a number")
        return cls(str(data["name"]), spec_from_json(data["spec"]), value)


@dataclass(slots=True)
class Observation:
    """One probe trial: its suggestions in order, and how it ended."""

    suggestions: dict[str, Suggestion] = field(default_factory=dict[str, Suggestion])
    end: End = "deadline"

    @property
    def ended_well(self) -> bool:
        """Whether it went far enough that a parameter it did not suggest is truly absent."""
        return self.end in ("returned", "reported", "quiet")

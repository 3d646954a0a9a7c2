"""What is known about an objective without running it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from hptui.domain.space import ParamSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

Direction = Literal["minimize", "maximize"]
ATTRIBUTE = "__hptui_objective__"


@dataclass(frozen=True, slots=True)
class ScriptSetting:
    """Something that an objective's script sets for its study, and hptui does not take over."""

    option: str
    """The option of `hptui run` that does the same; empty where there is none."""
    text: str
    """What it is and where: `a sampler (TPESampler, line 12; --sampler tpe)`."""


@dataclass(frozen=True, slots=True)
class ObjectiveInfo:
    """Metadata of an objective, as its author declared it."""

    name: str
    summary: str = ""
    """One line."""
    directions: tuple[Direction, ...] = ("minimize",)
    metric_names: tuple[str, ...] = ()
    sampler: str = "tpe"
    """Suggested sampler, spelled as for `--sampler`."""
    pruner: str = "median"
    """Suggested pruner, spelled as for `--pruner`."""
    tags: tuple[str, ...] = ()
    space: Mapping[str, ParamSpec] = field(default_factory=dict[str, ParamSpec])
    """The declared search space; may be empty, then it is found by probing."""
    doubt: str = ""
    """What its file does that leaves its directions open: `makes a study whose ...`."""
    n_values: int | None = None
    """How many values it returns; None where reading it does not tell."""
    settings: tuple[ScriptSetting, ...] = ()
    """What its file sets for a study of its own."""


@dataclass(frozen=True, slots=True)
class ObjectiveRef:
    """Where an objective's code stands: all that crosses a process border."""

    kind: Literal["file", "module"]
    target: str
    """An absolute path, or a module's dotted name."""
    attribute: str
    name: str
    """How people call it: the registered name, or what was typed."""

    def to_json(self) -> dict[str, str]:
        """Return the reference as plain data."""
        return {
            "kind": self.kind,
            "target": self.target,
            "attribute": self.attribute,
            "name": self.name,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> ObjectiveRef:
        """Read what `to_json` wrote.

        Raises:
            ValueError: `data` is not such a reference.
        """
        kind = data.get("kind")
        texts = [data.get(key) for key in ("target", "attribute", "name")]
        if kind not in ("file", "module") or not all(isinstance(text, str) for text in texts):
            raise ValueError("not a reference to an objective")
        target, attribute, name = (str(text) for text in texts)
        return cls("file" if kind == "file" else "module", target, attribute, name)

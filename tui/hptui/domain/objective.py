"""What is known about an objective without running it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from hptui.domain.spaces.space import ParamSpec
from hptui.domain.texts.argument_values import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

Direction = Literal["minimize", "maximize"]
ObjectiveKind = Literal["file", "module", "script", "command"]
_KINDS: Final = ("file", "module", "script", "command")
ATTRIBUTE = "__hptui_objective__"


@dataclass(frozen=True, slots=True)
class ScriptSetting:
    """Something that an objective's script sets for its study, and hptui does not take over."""

    option: str
    """The option of `hptui run` that does the same; empty where there is none."""
    text: str
    """What it is and where: `a sampler (TPESampler, line 12; --sampler tpe)`."""


@dataclass(frozen=True, slots=True)
class Argument:
    """Something that an objective takes besides the trial, as its source has it."""

    name: str
    type: str = ""
    """Its annotation, or the type of its default; empty where neither is known."""
    default: str | None = None
    """As the source has it; None where a value must be given."""
    hint: object = field(default=UNKNOWN, compare=False, repr=False)
    """The type that a text is made into; see `domain.argument_values`."""


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
    arguments: tuple[Argument, ...] = ()
    """What it takes besides the trial."""
    takes_any: bool = False
    """Whether it may take arguments that reading its source does not tell."""


@dataclass(frozen=True, slots=True)
class ObjectiveRef:
    """Where an objective's code stands: all that crosses a process border."""

    kind: ObjectiveKind
    target: str
    """An absolute path, a module's dotted name, or a command's description as JSON."""
    attribute: str
    name: str
    """How people call it: the registered name, or what was typed."""
    argv: tuple[str, ...] = ()
    """What a script finds in `sys.argv` after its name."""
    arguments: tuple[tuple[str, str], ...] = ()
    """Names and texts of `--arg`, for a function that takes more than a trial, or for a class."""

    def argument_options(self) -> list[str]:
        """Return the options of `hptui run` that give the same arguments."""
        return [text for name, value in self.arguments for text in ("--arg", f"{name}={value}")]

    def after_options(self) -> list[str]:
        """Return what follows all options on a command line with this objective."""
        if self.kind != "script":
            return []
        chosen = ["--study-of", self.attribute] if self.attribute else []
        return [*chosen, *(["--", *self.argv] if self.argv else [])]

    def to_json(self) -> dict[str, Any]:
        """Return the reference as plain data; what is empty is left out."""
        data: dict[str, Any] = {
            "kind": self.kind,
            "target": self.target,
            "attribute": self.attribute,
            "name": self.name,
        }
        if self.argv:
            data["argv"] = list(self.argv)
        if self.arguments:
            data["arguments"] = dict(self.arguments)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> ObjectiveRef:
        """Read what `to_json` wrote.

        Raises:
            ValueError: `data` is not such a reference.
        """
        kind = data.get("kind")
        texts = [data.get(key) for key in ("target", "attribute", "name")]
        argv, arguments = data.get("argv", []), data.get("arguments", {})
        if (
            kind not in _KINDS
            or not all(isinstance(text, str) for text in texts)
            or not _are_texts(argv)
            or not isinstance(arguments, dict)
            or not _are_texts(list(cast("dict[object, object]", arguments).keys()))
            or not _are_texts(list(cast("dict[object, object]", arguments).values()))
        ):
            raise ValueError("not a reference to an objective")
        target, attribute, name = (str(text) for text in texts)
        return cls(
            kind,
            target,
            attribute,
            name,
            tuple(cast("list[str]", argv)),
            tuple(cast("dict[str, str]", arguments).items()),
        )


def _are_texts(values: object) -> bool:
    return isinstance(values, list) and all(
        isinstance(value, str) for value in cast("list[object]", values)
    )

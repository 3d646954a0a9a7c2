"""What a person hangs onto a run: what follows its trials, and its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from hptui.errors import UsageError

if TYPE_CHECKING:
    from hptui.domain.objective import ObjectiveRef

DEFAULT_TIMEOUT_S: Final = 300.0


TrackingKind = Literal["mlflow", "wandb", "notify"]
LOG_KINDS: Final = ("mlflow", "wandb")
PACKAGES: Final[dict[TrackingKind, str]] = {
    "mlflow": "mlflow",
    "wandb": "wandb",
    "notify": "apprise",
}
"""What each kind needs; the extra is called like the kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """A service that is told of trials. Its address may hold a password, and is shown nowhere."""

    kind: TrackingKind
    address: str = field(default="", repr=False)
    """MLflow's URI, the project, or an address of apprise; empty for the library's own choice."""
    tells_best: bool = False
    """Whether a notification is sent for each new best trial."""

    @property
    def shown(self) -> str:
        """What sentences call it: the option, without its address."""
        if self.kind == "notify":
            scheme = self.address.partition(":")[0]
            is_word = scheme.isascii() and scheme.isalnum() and len(scheme) < 20  # noqa: PLR2004
            return f"--notify {scheme if is_word else ''}".rstrip()
        return f"--log-to {self.kind}"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, for the process that it is meant for."""
        return {"kind": self.kind, "address": self.address, "tells_best": self.tells_best}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Tracking:
        """Read what `to_json` gave."""
        return cls(**data)


def read_log_to(text: str) -> Tracking:
    """Read `mlflow`, `mlflow:URI`, `wandb` or `wandb:PROJECT`.

    Raises:
        UsageError: It is not one of these.
    """
    kind, _, address = text.partition(":")
    if kind not in LOG_KINDS or not address.isprintable():
        # What is mistyped may hold a password.
        raise UsageError("it must be mlflow, mlflow:URI, wandb or wandb:PROJECT")
    return Tracking(kind=cast("TrackingKind", kind), address=address)


def read_notify(text: str) -> Tracking:
    """Read an address of apprise.

    Raises:
        UsageError: It is not an address.
    """
    scheme, separator, rest = text.partition("://")
    if not separator or not scheme or not rest or not text.isprintable():
        raise UsageError(
            "it must be an apprise address, like mailto://, tgram:// or json://host/path"
        )
    return Tracking(kind="notify", address=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """What follows the trials of a run, and its end; all may be empty."""

    callbacks: tuple[ObjectiveRef, ...] = ()
    """Code that is called with the study and each trial that has ended."""
    tracking: tuple[Tracking, ...] = ()
    """Services that are told of trials and of the run's end."""
    on_best: tuple[str, ...] = ()
    """Shell commands for each trial that is better than all before it."""
    on_end: tuple[str, ...] = ()
    """Shell commands for the end of the run."""
    timeout_s: float = DEFAULT_TIMEOUT_S
    """How long each of these may take each time."""


def read_hook(text: str) -> str:
    """Read a shell command.

    Raises:
        UsageError: It is empty, or no operating system can run it.
    """
    if not text.strip():
        raise UsageError("The command is empty; write it like 'notify-send \"new best\"'.")
    if "\0" in text:
        raise UsageError("The command contains a NUL character.")
    return text

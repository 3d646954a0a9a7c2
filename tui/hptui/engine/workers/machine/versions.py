"""What a worker must have in common with its engine, told when it connects."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from hptui.domain.texts.text import safe_line
from hptui.domain.version import __version__
from hptui.engine.ipc.protocol import PROTOCOL
from hptui.errors import HptuiError

if TYPE_CHECKING:
    from hptui.engine.ipc.protocol import Message
    from hptui.registry.loading.other_python import OtherPython


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of what a worker runs with."""

    python: str
    optuna: str
    hptui: str
    protocol: int
    """Of the messages between a worker and its engine."""

    @classmethod
    def here(cls) -> Versions:
        """Return those of this process."""
        return cls(platform.python_version(), version("optuna"), __version__, PROTOCOL)

    @classmethod
    def expected(cls, python: OtherPython | None) -> Versions:
        """Return those of the workers of a run that this process began."""
        here = cls.here()
        if python is None:
            return here
        return cls(python.version, python.optuna, here.hptui, here.protocol)

    def to_json(self) -> Message:
        """Return them as a worker tells them."""
        return asdict(self)

    def require_same(self, told: object) -> None:
        """Refuse a worker that has others: what it runs with was changed during the run.

        Raises:
            HptuiError: It has; says which.
        """
        found: dict[str, object] = told if isinstance(told, dict) else {}  # pyright: ignore[reportUnknownVariableType]
        names = {"python": "Python", "optuna": "Optuna", "hptui": "hptui", "protocol": "protocol"}
        for key, expected in self.to_json().items():
            if found.get(key) != expected:
                has = safe_line(found.get(key, "none"), max_chars=40)
                raise HptuiError(
                    f"A new worker has {names[key]} {has}, and this run began with {expected}.",
                    hint="It changed during the run; start the run again.",
                )

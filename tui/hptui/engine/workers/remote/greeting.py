"""The first line of an agent, and the reasons for which the engine refuses one."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.objective import ObjectiveRef
from hptui.domain.texts.text import safe_line
from hptui.engine.ipc.message_schema import require
from hptui.engine.ipc.protocol import PROTOCOL, Message, ProtocolError
from hptui.engine.workers.machine.versions import Versions
from hptui.errors import HptuiError

if TYPE_CHECKING:
    from hptui.engine.workers.remote.far_files import FarFiles

_OPTUNAS: Final = ("4", "5")
_SHOWN: Final = 8
"""Characters of a hash."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What an agent says first."""

    message: Message

    @classmethod
    def of(cls, config: dict[str, Any], files: FarFiles, n_cores: int) -> Greeting:
        """Return a greeting with what this machine has."""
        told: Message = {
            "op": "agent",
            "token": config["token"],
            "protocol": PROTOCOL,
            "pid": os.getpid(),
            "machine": socket.gethostname(),
            "cores": n_cores,
            "versions": _versions(),
        }
        try:
            ref = files.located(ObjectiveRef.from_json(config["objective"]))
            files.require_home()
            told["sha"] = _sha_of(ref)
        except HptuiError as error:
            told["problem"] = {"message": error.message, "hint": error.hint}
        return cls(told)


def _sha_of(ref: ObjectiveRef) -> str:
    # It reads sources, which takes a moment to import.
    from hptui.registry.same_objective import source_sha

    return source_sha(ref)


def _versions() -> Message:
    try:
        told = Versions.here().to_json()
    except PackageNotFoundError:
        # Optuna is not there.
        return {}
    for name in ("numpy",):
        try:
            told[name] = version(name)
        except PackageNotFoundError:
            told[name] = ""
    return told


def require_fit(host: str, message: Message, sha: str, name: str) -> None:
    """Refuse an agent that cannot serve this run.

    Args:
        host: What the machine is called here.
        message: Its first line.
        sha: The SHA-256 of the objective's source here.
        name: The objective's.

    Raises:
        HptuiError: It is of another protocol, or has other code; says which.
        ProtocolError: It is no agent's.
    """
    shown = safe_line(host, max_chars=60)
    if message.get("protocol") != PROTOCOL:
        raise HptuiError(
            f"{shown} has a different version of hptui: its agents speak protocol "
            f"{safe_line(message.get('protocol'), max_chars=20)}, not {PROTOCOL}.",
            hint="Install the same version there, or add --code ship.",
        )
    versions: dict[str, object] = message.get("versions") or {}
    here = Versions.here()
    if not versions:
        raise HptuiError(
            f"The Python on {shown} has no Optuna, which workers need.",
            hint="Install it there, or name another Python with --host-python.",
        )
    if versions.get("hptui") != here.hptui:
        raise HptuiError(
            f"{shown} has hptui {safe_line(versions.get('hptui'), max_chars=20)}, "
            f"not {here.hptui}.",
            hint="Install the same version there, or add --code ship.",
        )
    if str(versions.get("optuna")).partition(".")[0] not in _OPTUNAS:
        raise HptuiError(
            f"{shown} has Optuna {safe_line(versions.get('optuna'), max_chars=20)}; workers need "
            f"Optuna {' or '.join(_OPTUNAS)}."
        )
    problem = message.get("problem")
    if isinstance(problem, dict):
        told: dict[str, object] = problem  # pyright: ignore[reportUnknownVariableType]
        raise HptuiError(
            f"{shown}: {safe_line(told.get('message'), max_chars=400)}",
            hint=safe_line(told.get("hint") or "", max_chars=400)
            or "The objective needs the same path there; --code ship sends it.",
        )
    if message.get("sha") != sha:
        other = safe_line(str(message.get("sha"))[:_SHOWN], max_chars=_SHOWN)
        raise HptuiError(
            f"{shown} has a different {safe_line(name, max_chars=100)} ({other}... there, "
            f"{sha[:_SHOWN]}... here).",
            hint="Copy it there, or add --code ship.",
        )
    try:
        require(message, {"pid": _is_count, "cores": _is_count})
    except ProtocolError as error:
        raise HptuiError(f"The agent on {shown} cannot be understood: {error.message}.") from error


def differences(host: str, message: Message) -> str:
    """Return a sentence on versions there that may make other results; empty where none differ."""
    versions: dict[str, object] = message.get("versions") or {}
    here = Versions.here()
    pairs = (
        ("Python", versions.get("python"), here.python),
        ("Optuna", versions.get("optuna"), here.optuna),
        ("NumPy", versions.get("numpy"), version("numpy")),
    )
    told = [
        f"{name} {safe_line(there, max_chars=20)} (here {own})"
        for name, there, own in pairs
        if there != own
    ]
    return f"{safe_line(host, max_chars=60)} has {', '.join(told)}." if told else ""


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 1 << 40

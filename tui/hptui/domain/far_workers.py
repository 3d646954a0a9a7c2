"""Workers on other machines: which hosts, how many on each, and where their code is from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from hptui.domain.run_text import MAX_WORKERS
from hptui.domain.text import safe_line
from hptui.errors import UsageError

CodeFrom = Literal["same", "ship"]
"""Whether the objective has the same path everywhere, or is sent."""
CODE_FROM: Final[tuple[CodeFrom, ...]] = ("same", "ship")
DEFAULT_RETRIES: Final = 1
"""How often a trial is repeated whose connection was lost."""
MAX_RETRIES: Final = 100
_HOST: Final = re.compile(r"(?:[A-Za-z0-9_][\w.+-]*@)?(?:[A-Za-z0-9_][\w.-]*|\[[0-9A-Fa-f:.%]+\])")
"""No name begins with a dash: ssh would take it for an option."""


@dataclass(frozen=True, slots=True)
class Host:
    """A machine, and how many workers it has at most."""

    name: str
    """As ssh takes it: `gpu1`, `me@gpu3`, or a name of the user's ssh configuration."""
    n_workers: int | None = None
    """None where nothing was said: one, or as many as its devices hold."""

    def __str__(self) -> str:
        return self.name if self.n_workers is None else f"{self.name}:{self.n_workers}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FarWorkers:
    """What a run was told of workers on other machines."""

    hosts: tuple[Host, ...]
    code: CodeFrom = "same"
    python: str = ""
    """The interpreter there; empty for the path of the one that runs hptui."""
    retries: int = DEFAULT_RETRIES
    """How often a trial is repeated whose connection was lost."""

    def to_json(self) -> dict[str, Any]:
        """Return what the record of a run keeps."""
        return {"hosts": [str(host) for host in self.hosts], "code": self.code}


def read_hosts(text: str) -> tuple[Host, ...]:
    """Return the hosts of a list such as `gpu1,gpu2:4,me@gpu3`.

    Raises:
        UsageError: One is empty, is given twice, or is not a host's name.
    """
    hosts = tuple(_read_host(each.strip(), text) for each in text.split(","))
    names = [host.name for host in hosts]
    again = next((name for name in names if names.count(name) > 1), None)
    if again is not None:
        raise UsageError(
            f"{_quoted(text)} names {safe_line(again)} twice; write {safe_line(again)}:2 for two "
            "workers"
        )
    if sum(host.n_workers or 1 for host in hosts) > MAX_WORKERS:
        raise UsageError(f"{_quoted(text)} has more than {MAX_WORKERS} workers")
    return hosts


def _read_host(word: str, text: str) -> Host:
    name, colon, count = word.rpartition(":")
    if not colon or (word.endswith("]") and "[" in word):
        name, count = word, ""
    if not _HOST.fullmatch(name) or (count and not re.fullmatch(r"[1-9][0-9]{0,5}", count)):
        raise UsageError(f"{_quoted(text)} is not a list of hosts; write gpu1,gpu2:4,me@gpu3")
    if colon and not count and name != word:
        raise UsageError(f"{_quoted(word)} gives no number of workers; write {safe_line(name)}:4")
    return Host(name, int(count) if count else None)


def read_retries(text: str) -> int:
    """Return how often a lost trial is repeated.

    Raises:
        UsageError: The text is no whole number from 0 to `MAX_RETRIES`.
    """
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > MAX_RETRIES:
        raise UsageError(f"{_quoted(text)} is not a whole number from 0 to {MAX_RETRIES}")
    return int(text)


def hosts_of(stored: object) -> tuple[str, ...]:
    """Return the hosts in the record of a run; none where it tells none."""
    fields = cast("dict[str, object]", stored) if isinstance(stored, dict) else {}
    hosts = fields.get("hosts")
    return tuple(map(str, cast("list[object]", hosts))) if isinstance(hosts, list) else ()


def _quoted(text: str) -> str:
    return safe_line(repr(text), max_chars=60)

"""Where studies are that are in no file of ours: servers, journals, any storage of Optuna's."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, unquote

SourceKind = Literal["postgresql", "mysql", "redis", "journal", "grpc", "database"]

_KINDS: Final[dict[str, SourceKind]] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "redis": "redis",
    "rediss": "redis",
    "grpc": "grpc",
    "mssql": "database",
    "oracle": "database",
    "cockroachdb": "database",
}
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9.-]*)(\+\w+)?://?")
# A password may hold anything but an @, as in SQLAlchemy's addresses.
_LOGIN: Final = re.compile(r"([^:/@?#]*)(?::([^@]*))?@")
_SECRETS: Final = frozenset({"password", "passwd", "pwd", "secret", "token", "sslpassword"})
_PASSWORD_VARIABLES: Final = {"postgresql": "PGPASSWORD", "mysql": "MYSQL_PWD"}
_STUDY_FILES: Final = (".db", ".sqlite", ".sqlite3")
_JOURNAL_ENDINGS: Final = (".log", ".journal")
_SNIFFED_BYTES: Final = 400


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """A place of studies, and perhaps one study there."""

    kind: SourceKind
    url: str = field(repr=False)
    """The whole address, password and all; of a journal file its absolute path."""
    shown: str
    """The address without its password."""
    study: str | None = None

    @property
    def only(self) -> str | None:
        """The one study that is copied; None for all, as where all must be read anyhow."""
        return self.study if self.kind in ("postgresql", "mysql", "database", "grpc") else None

    @property
    def is_changeable(self) -> bool:
        """Whether studies there are changed by hptui: what is in a journal can never be changed."""
        return self.kind in ("postgresql", "mysql")

    @property
    def digest(self) -> str:
        """What tells this place, or study, from all others, whoever's password is given."""
        named = self.shown if self.only is None else f"{self.shown}#{self.only}"
        return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:24]

    def with_study(self, study: str | None) -> SourceAddress:
        """Return the same place with another study, or with none."""
        return replace(self, study=study or None)

    def with_password(self, password: str) -> SourceAddress:
        """Return the same place with a password in its address."""
        start, slashes, rest = self.url.partition("://")
        login = _LOGIN.match(rest)
        name, behind = ("", rest) if login is None else (login[1], rest[login.end() :])
        url = f"{start}{slashes}{name}:{quote(password, safe='')}@{behind}"
        return replace(self, url=url)

    def environment(self) -> dict[str, str]:
        """Return what lets a program that is given the address as it is shown have the password."""
        login = _LOGIN.match(self.url.partition("://")[2])
        if login is None or login[2] is None or self.kind not in _PASSWORD_VARIABLES:
            return {}
        return {_PASSWORD_VARIABLES[self.kind]: unquote(login[2])}

    def __str__(self) -> str:
        """Return what a person types, without the password."""
        return self.shown if self.study is None else f"{self.shown}#{self.study}"


def parse_address(text: str) -> SourceAddress | None:
    """Return the place that an address means: of a server, or of a journal file that is there.

    `#STUDY` may follow it. None where the text is neither, such as the path of a study file.
    """
    found = _SCHEME.match(text)
    if found is not None:
        kind = _KINDS.get(found[1].lower())
        return None if kind is None else _server(kind, text, found)
    return _journal(text)


def parse_storage(text: str) -> SourceAddress | None:
    """Return the place that an address in the settings means, where a journal may be away.

    None where it is an address of anything else.
    """
    address = parse_address(text)
    if address is not None or "://" in text or not text or "\0" in text:
        return address
    return new_journal(text, None)


def _server(kind: SourceKind, text: str, scheme: re.Match[str]) -> SourceAddress:
    rest = text[scheme.end() :]
    login = _LOGIN.match(rest)
    name = "" if login is None else login[1]
    behind = rest if login is None else rest[login.end() :]
    place, _, study = behind.partition("#")
    start = f"{scheme[1].lower()}{scheme[2] or ''}://"
    url = f"{start}{'' if login is None else login[0]}{place}"
    path, question, options = place.partition("?")
    kept = [each for each in options.split("&") if each.partition("=")[0].lower() not in _SECRETS]
    shown_start = f"{scheme[1].lower()}://"
    shown = f"{shown_start}{f'{name}@' if name else ''}{path}"
    if question and any(kept):
        shown += f"?{'&'.join(kept)}"
    return SourceAddress(kind, url, shown, study or None)


def _journal(text: str) -> SourceAddress | None:
    # A # may be in the path as well as in the study's name.
    marks = [len(text), *(each.start() for each in re.finditer("#", text))]
    at = next((mark for mark in marks if _is_journal(text[:mark])), None)
    if at is None:
        return None
    return new_journal(text[:at], text[at + 1 :])


def new_journal(path: str, study: str | None) -> SourceAddress:
    """Return the address of a journal file, which need not exist yet."""
    absolute = str(Path(path).absolute())
    return SourceAddress("journal", absolute, absolute, study or None)


def _is_journal(text: str) -> bool:
    """Say whether a path is that of a journal file of Optuna's.

    A study file is never opened for that: closing it would let go of locks that SQLite holds.
    """
    if not text or "\0" in text or text.lower().endswith(_STUDY_FILES):
        return False
    path = Path(text)
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            start = stream.read(_SNIFFED_BYTES)
    except OSError:
        return False
    if not start:
        return path.name.endswith(_JOURNAL_ENDINGS)
    return start.lstrip().startswith(b"{") and b'"op_code"' in start

"""Which source reads an address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hptui.storage.mirror.address import SourceAddress
    from hptui.storage.mirror.source import Source


def source_of(address: SourceAddress) -> Source:
    """Return the source of an address, not yet open.

    Raises:
        MissingExtraError: The package that connects to it is not installed.
    """
    if address.kind == "journal":
        from hptui.storage.mirror.journal import JournalFile

        return JournalFile(Path(address.url))
    if address.kind == "redis":
        from hptui.storage.mirror.redis_journal import RedisJournal

        return RedisJournal(address)
    if address.kind in ("postgresql", "mysql"):
        from hptui.storage.mirror.server import ServerSource

        return ServerSource(address)
    from hptui.storage.mirror.any_storage import open_storage

    return open_storage(address)

"""What all tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from optuna.storages import RDBStorage
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(autouse=True, scope="session")
def plain_optuna_closes_its_connections() -> Generator[None]:
    """Have plain Optuna close each connection to a file when it has used it.

    Otherwise the garbage collector closes them some day, of which Python 3.13 warns, and a warning
    fails whatever test runs then.
    """
    original = RDBStorage.__init__

    def init(
        self: RDBStorage, url: str, engine_kwargs: dict[str, Any] | None = None, **more: Any
    ) -> None:
        is_file = ":memory:" not in url
        given = {"poolclass": NullPool, **(engine_kwargs or {})} if is_file else engine_kwargs
        original(self, url, given, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RDBStorage, "__init__", init)
        yield

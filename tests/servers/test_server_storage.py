"""Optuna's own storage suite on a server that is written as a run writes it."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest
from optuna.testing.pytest_storages import StorageTestCase
from tests.servers.test_servers import KINDS, Place
from tests.storage.comparison import content_of
from tests.storage.mirroring import address_of

from hptui.errors import StudyFileError
from hptui.storage.server.study_server import StudyServer
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from optuna.storages import BaseStorage

pytestmark = [
    pytest.mark.servers,
    # Optuna's storages are closed by nobody.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]
DATABASES = ("postgresql", "mariadb")


@pytest.fixture(scope="module", params=DATABASES)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Place]:
    with KINDS[request.param]() as (server, is_up), pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        place = Place(request.param, server, is_up)
        place.anew()
        yield place


WHOLE_SECONDS = (
    "test_create_new_trial",
    "test_create_new_trial_with_template_trial",
    "test_get_trial",
    "test_get_all_trials",
)
"""These compare times that MariaDB does not keep."""


class TestOnAServer(StorageTestCase):
    @pytest.fixture
    def storage(self, place: Place, request: pytest.FixtureRequest) -> Iterator[SqliteStorage]:
        if place.kind == "mariadb" and request.node.originalname in WHOLE_SECONDS:
            pytest.skip("MariaDB keeps whole seconds in Optuna's tables")
        server = StudyServer(address_of(place.url))
        server.look(30.0)
        storage = SqliteStorage(server.path, server=server)
        storage.grouped = place.kind == "mariadb"
        yield storage
        assert storage.flush(30.0), storage.trouble
        storage.read_back(30.0)
        assert storage.pending == 0
        assert content_of(storage) == content_of(place.storage)
        for study in storage.get_all_studies():
            storage.delete_study(study._study_id)  # pyright: ignore[reportPrivateUsage]
        assert storage.close()
        assert place.storage.get_all_studies() == []

    def test_pickle_storage(self, storage: BaseStorage) -> None:
        # Its connection is this process's; what is made of the copy is refused.
        with pytest.raises(StudyFileError, match="hptui run --storage runs it there"):
            pickle.loads(pickle.dumps(storage))

"""What hptui changes on servers: copies, notes and tags, names, deletions, dead trials."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
import math
import os
import random
import shlex
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy import text
from tests.servers.test_servers import KINDS, Place
from tests.storage.mirroring import address_of, copied, journal, studies_in
from tests.storage.random_studies import write_study
from tests.ui.driving import drive

from hptui.cli.main import main
from hptui.engine.studies.trash import list_trash
from hptui.errors import StudyFileError
from hptui.storage.annotations.changes import TagEdit
from hptui.storage.files.leases import Lease
from hptui.storage.mirror import server
from hptui.storage.mirror.changing import annotate_on_server
from hptui.storage.mirror.following import MirrorWriter, refresh, writing
from hptui.storage.mirror.mirrors import mirror_path
from hptui.storage.read.study_detail import read_study
from hptui.storage.read.trial_detail import read_trial
from hptui.storage.server.engines import EngineMark
from hptui.ui.application.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from optuna.storages import BaseStorage

pytestmark = [
    pytest.mark.servers,
    # Optuna's storages are closed by nobody.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def whole(request: pytest.FixtureRequest) -> Generator[Place]:
    with KINDS[request.param]() as (server, is_up):
        yield Place(request.param, server, is_up)


@pytest.fixture
def place(whole: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path / "studies"))
    (tmp_path / "studies").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(server, "ATTRIBUTES_S", 0.0)
    whole.anew()
    return whole


@pytest.fixture
def hptui(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(line: str, code: int = 0) -> str:
        capsys.readouterr()
        returned = main(shlex.split(line))
        said = capsys.readouterr()
        assert returned == code, (line, said)
        assert "sesame" not in said.out + said.err
        return said.out + said.err

    return run


def at_rest(storage: BaseStorage) -> None:
    """End what runs: in copies it has failed."""
    for study in storage.get_all_studies():
        for trial in storage.get_all_trials(study._study_id, states=(TrialState.RUNNING,)):
            storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)


def without(found: list[Any], lossy: str) -> list[Any]:
    return [
        (*rest, [{key: each[key] for key in each if lossy not in key} for each in trials])
        for *rest, trials in found
    ]


@pytest.mark.filterwarnings("ignore")
def test_a_study_goes_to_a_server_into_a_file_and_a_journal_and_back_as_it_was(
    place: Place, tmp_path: Path, hptui: Callable[..., str]
) -> None:
    start = journal(tmp_path / "start.log")
    rng = random.Random(7)
    for turn in range(6):
        study_id = write_study(start, rng, f"s{turn}")
        start.set_study_user_attr(study_id, "long", "ü" * 5_000)
        start.set_study_user_attr(study_id, "list", [[1, "a"], {"b": None}, math.nan, -math.inf])
        trial_id = start.create_new_trial(study_id)
        choices: Any = ((1, 2), (3,))
        listed = optuna.distributions.CategoricalDistribution(choices)
        start.set_trial_param(trial_id, "layers", 1, listed)
        start.set_trial_user_attr(trial_id, "x" * 500, "é" * 10_000)
        start.set_trial_system_attr(trial_id, "constraints", [0.5, -math.inf])
        # What the dashboard says of a trial has its id, which is another one everywhere.
        key = f"dashboard:{trial_id}:note_"
        start.set_study_system_attr(study_id, f"{key}ver", 3)
        start.set_study_system_attr(study_id, f"{key}str:0", f"note of s{turn}")
    at_rest(start)
    # One second is what a time has there.
    lossy = "datetime" if place.kind == "mariadb" else "no such field"
    for turn in range(6):
        name = f"s{turn}"
        hptui(f"duplicate start.log#{name} {name}")
        hptui(f"push {name} {place.url}")
        hptui(f"duplicate {place.url}#{name} back{turn}")
        hptui(f"push back{turn} end.log#{name}")
    names = [f"s{turn}" for turn in range(6)]
    ways = (place.storage, journal(tmp_path / "end.log"), mirror_path(address_of(place.url)))
    wanted = without(studies_in(start), lossy)
    refresh(address_of(place.url))
    for way in ways:
        found = without(studies_in(way), lossy)
        for one, other in zip(wanted, found, strict=True):
            assert one[:3] == other[:3]
            assert one[4] == other[4]
            # Keys have the ids of trials in them.
            assert len(one[3]) == len(other[3])
    copied(place.storage, names, tmp_path / "by-optuna.db")
    for name in names:
        last = place.storage.get_n_trials(place.storage.get_study_id_from_name(name)) - 1
        for spelled in ("start.log", place.url, "end.log"):
            assert hptui(f"note {spelled}#{name} {last}").strip() == f"note of {name}"
    assert "already" in hptui(f"push s0 {place.url}", 2)


def a_study(place: Place, name: str = "resnet", n_trials: int = 4) -> optuna.Study:
    study = optuna.create_study(study_name=name, storage=place.storage)
    for number in range(n_trials):
        study.tell(study.ask({"x": optuna.distributions.FloatDistribution(0, 1)}), number)
    return study


def test_notes_and_tags_of_trials_that_have_ended_are_there_at_once_for_all(
    place: Place, hptui: Callable[..., str]
) -> None:
    study = a_study(place)
    where = f"{place.url}#resnet"
    # Somebody else follows it all the time.
    address = address_of(place.url)
    file = mirror_path(address)
    with writing(file):
        watching = MirrorWriter(address, file)
        watching.step()
        hptui(f"note {where} --set 'first, and ü'")
        hptui(f"note {where} --set second --if-version 1")
        assert "changed by somebody else" in hptui(f"note {where} --set third --if-version 1", 1)
        hptui(f"note {where} 2 --set '{'long ' * 1_000}'")
        hptui(f"note {where} 2 --set short")
        hptui(f"tag {where} --add good")
        assert json.loads(hptui(f"tag {where} 1 3 --add bad --json")) == {"changed": 2}
        hptui(f"tag {where} --filter tag:bad --add 'a b' --remove bad")
        assert "no trial 9" in hptui(f"tag {where} 9 --add x", 2)
        watching.step()
        detail = read_study(file, "resnet")
        assert (detail.note.body, detail.note.version) == ("second", 2)
        assert detail.summary.tags == ("good",)
        assert [read_trial(file, "resnet", each).tags for each in range(4)] == [
            (),
            ("a b",),
            (),
            ("a b",),
        ]
        assert read_trial(file, "resnet", 2).note.body == "short"
        watching.close()
    again = optuna.load_study(study_name="resnet", storage=place.storage)
    assert again.user_attrs["hptui:tags"] == ["good"]
    assert again.trials[1].user_attrs["hptui:tags"] == ["a b"]
    # The study is another one since it was seen.
    place.storage.delete_study(study._study_id)
    a_study(place)
    with pytest.raises(StudyFileError, match="no longer"):
        annotate_on_server(address, file, "resnet", TagEdit((1,), ("x",)))


def test_a_study_is_renamed_and_deleted_after_a_copy_and_comes_back(
    place: Place, tmp_path: Path, hptui: Callable[..., str]
) -> None:
    a_study(place)
    other = a_study(place, "other")
    before = studies_in(place.storage)
    assert "holds a study 'other' already" in hptui(f"rename {place.url}#resnet other", 2)
    hptui(f"rename {place.url}#resnet 'vit/ü 2'")
    assert {each.study_name for each in place.storage.get_all_studies()} == {"vit/ü 2", "other"}
    assert "--confirm" in hptui(f"delete '{place.url}#vit/ü 2'", 2)
    assert "not the name" in hptui(f"delete '{place.url}#vit/ü 2' --confirm vit", 2)
    said = hptui(f"delete '{place.url}#vit/ü 2' --confirm 'vit/ü 2'")
    assert "hptui undo" in said
    assert [each[1:] for each in studies_in(place.storage)] == [
        each[1:] for each in before if each[0] == "other"
    ]
    with place_connection(place) as connection:
        for table in ("trials", "trial_params", "trial_values"):
            assert connection.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar() == 4
    hptui("undo")
    copy = studies_in(tmp_path / "studies" / "vit-ü 2.db")
    assert [each[0] for each in copy] == ["vit/ü 2"]
    assert len(copy[0][-1]) == 4
    # An engine that has written a moment ago keeps its study, whatever runs in it.
    lease = replace(Lease.of_this_process("other", "a", tmp_path), host="n07", boot="another")
    mark = EngineMark(lease, time.time())
    other._storage.set_study_system_attr(other._study_id, mark.key, json.loads(mark.spell()))
    for command in ("rename {0}#other new", "delete {0}#other --confirm other"):
        assert f"by process {os.getpid()} on n07" in hptui(command.format(place.url), 1)
    gone = replace(mark, beat_s=mark.beat_s - 600)
    other._storage.set_study_system_attr(other._study_id, mark.key, json.loads(gone.spell()))
    # A trial that gives signs of life keeps it from being deleted.
    running = other.ask()
    beat = f"INSERT INTO trial_heartbeats (trial_id, heartbeat) VALUES ({running._trial_id}, now())"
    place.execute(beat)
    assert "sign of life" in hptui(f"delete {place.url}#other --confirm other", 1)
    assert list_trash(tmp_path / "studies") == []
    place.execute("UPDATE trial_heartbeats SET heartbeat = '2020-01-01 00:00:00'")
    hptui(f"delete {place.url}#other --confirm other")
    assert place.storage.get_all_studies() == []


def place_connection(place: Place) -> Any:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    return create_engine(place.driven(place.url), poolclass=NullPool).connect()


def test_the_doctor_fails_what_has_missed_its_heartbeats_and_nothing_else(
    place: Place, hptui: Callable[..., str]
) -> None:
    study = a_study(place, n_trials=1)
    trials = [study.ask({"x": optuna.distributions.FloatDistribution(0, 1)}) for _ in range(4)]
    assert json.loads(hptui(f"doctor {place.url}#resnet --json"))["healthy"]
    ages = dict(zip(trials, ("2020-01-01 00:00:00", "1999-01-01 00:00:00", None), strict=False))
    for trial, beat in ages.items():
        when = "now()" if beat is None else f"'{beat}'"
        place.execute(
            f"INSERT INTO trial_heartbeats (trial_id, heartbeat) VALUES ({trial._trial_id}, {when})"
        )
    said = hptui(f"doctor {place.url}", 1)
    assert "resnet: 2 trials are stale (no heartbeat for longer than 2 m): 1 (last" in said
    assert "resnet: 1 trial is running: 3 (last heard of" in said
    assert "resnet: 1 trial runs without heartbeats and is left alone: 4 (begun" in said
    facts = json.loads(hptui(f"doctor {place.url} --json", 1))
    assert [each["number"] for each in facts["leftover"]] == [1, 2]
    assert facts["running_elsewhere"] == [3, 4]
    said = hptui(f"doctor {place.url}#resnet --fix --requeue")
    assert "2 marked as failed and enqueued again" in said
    states = [each.state.name for each in study.get_trials()]
    assert states == ["COMPLETE", "FAIL", "FAIL", "RUNNING", "RUNNING", "WAITING", "WAITING"]
    assert study.get_trials()[5].params == trials[0].params
    assert "no stale trials" in hptui(f"doctor {place.url}#resnet --fail", 2)
    assert "no study 'nosuch'" in hptui(f"doctor {place.url}#nosuch", 2)


def test_the_application_asks_for_a_password_and_changes_what_is_on_a_server(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place.kind != "postgresql":
        pytest.skip("one kind of server is enough for the screens")
    study = a_study(place)
    stale = study.ask()
    beat = f"INSERT INTO trial_heartbeats VALUES (1, {stale._trial_id}, '2020-01-01')"
    place.execute(beat)
    place.execute("CREATE ROLE locked SUPERUSER LOGIN PASSWORD 'se same'")
    with place_connection(place) as connection:
        rules = Path(str(connection.execute(text("SHOW hba_file")).scalar()))
        before = rules.read_text()
        rules.write_text(f"local all locked scram-sha-256\n{before}")
        connection.execute(text("SELECT pg_reload_conf()"))
    where = place.url.replace("me:open%20sesame@", "locked@")
    monkeypatch.setenv("HOME", str(tmp_path))
    drive(
        """
        wait "Password for postgresql://locked"
        expect "~/.pgpass"
        type "wrong"
        press enter
        wait "read again"
        wait "Password for postgresql://locked"
        type "se same"
        press enter
        wait "lab#resnet"
        expect "1 running, read"
        press home
        press m
        wait "ctrl+s save"
        type "from here"
        press ctrl+s
        wait "Saved the note"
        press f
        wait "is stale"
        press esc
        press R
        wait "Rename resnet"
        press end
        type "-2"
        press enter
        wait "lab#resnet-2"
        press x
        wait "on the server?"
        press x
        wait "Type its name"
        type "resnet"
        press enter
        expect "That is not resnet-2"
        type "-2"
        press enter
        wait "A copy is in the trash"
        press u
        wait "Restored"
        """,
        settings=Settings(storages={"lab": where, "away": "postgresql://me@127.0.0.1:1/d"}),
    )
    rules.write_text(before)
    assert place.storage.get_all_studies() == []
    (copy,) = (tmp_path / "studies").glob("*.db")
    assert read_study(copy, "resnet-2").note.body == "from here"
    kept = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert not any(b"se same" in each.read_bytes() for each in kept)

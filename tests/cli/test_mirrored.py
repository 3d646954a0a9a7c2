"""Commands on studies that are on servers and in journals, through the mirrors of them."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import optuna
import pytest
from tests.storage.mirroring import address_of, journal, studies_in
from tests.waiting import DEADLINE_S, wait_until

from hptui.cli.commands.application import open_place
from hptui.cli.commands.tuning.run import detached_command
from hptui.cli.main import main
from hptui.cli.options import mirrored
from hptui.storage.mirror import following
from hptui.storage.mirror.journal import JournalFile
from hptui.storage.mirror.mirrors import mirror_path, mirror_state, mirrors_folder
from hptui.storage.mirror.source import BareDatabaseError, PasswordError
from hptui.storage.read.studies import list_studies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from optuna.storages import JournalStorage

    from hptui.storage.mirror.address import SourceAddress
    from hptui.storage.mirror.mirrors import MirrorState
    from hptui.storage.mirror.source import Source


@pytest.fixture
def hptui(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[int, str, str]]:
    settings = tmp_path / "settings.toml"
    settings.write_text(f'[storages]\nlab = "{tmp_path}/journal.log"\n"no name" = "x"\nn = 1\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPTUI_SETTINGS", str(settings))
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path / "studies"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "studies").mkdir()

    def run(line: str) -> tuple[int, str, str]:
        code = main(shlex.split(line))
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


def tuned(path: Path, *names: str, n_trials: int = 3) -> JournalStorage:
    storage = journal(path)
    for name in names:
        study = optuna.create_study(study_name=name, storage=storage)
        for number in range(n_trials):
            trial = study.ask()
            trial.suggest_float("x", 0, 1)
            trial.report(number, 0)
            study.tell(trial, float(number))
    return storage


READ = [
    ("ls journal.log", "resnet"),
    ("ls lab:", "journal.log#vit"),
    ("show journal.log#resnet", "mirror of"),
    ("show lab#resnet 1", "trial 1"),
    ("best lab:#resnet", "trial 0"),
    ("trials lab#vit", "complete"),
    ("status lab#vit", "not running"),
    ("failures lab#vit", ""),
    ("plot lab#vit history", "trial"),
    ("compare lab#vit lab#resnet", "resnet"),
    ("export lab#vit out.csv", "3 trials"),
    ("space lab#vit", "x"),
    ("mirror lab:", "2 studies, 6 trials"),
    ("mirror", "journal.log"),
]
REFUSED = [
    ("note lab#vit --set hello", "hptui only reads it there"),
    ("tag lab#vit --add good", "hptui only reads it there"),
    ("rename lab#vit other", "hptui only reads it there"),
    ("delete lab#vit", "hptui only reads it there"),
    ("enqueue lab#vit --params '{\"x\": 0.5}'", "hptui only reads it there"),
    ("extend lab#vit --trials 5", "hptui only reads it there"),
    ("space lab#vit --space x=0..0.5", "hptui only reads it there"),
    ("show lab:", "journal.log holds 2 studies: resnet, vit."),
    ("show lab#vot", "It holds: vit."),
    ("upgrade lab#vit", "names a study"),
    ("mirror nosuch.log", "is no address of a server"),
    ("ls nosuch:", "There is no folder, study file or journal nosuch:"),
    ("run --storage postgresql://me:sesame@h/db branin", "postgresql"),
    ("run --storage postgresql://me:sesame@h/db#a --study b branin", "names the study a"),
    ("run --storage lab:#a branin", "studies there are only read"),
    ("run --join branin", "--join is for studies on servers"),
]


def test_commands_read_what_is_elsewhere_and_change_nothing(
    hptui: Callable[[str], tuple[int, str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "journal.log"
    storage = tuned(path, "resnet", "vit")
    before = path.read_bytes()
    for line, sentence in READ:
        code, out, err = hptui(line)
        assert (code, sentence in out) == (0, True), (line, out, err)
    assert (tmp_path / "out.csv").read_text().count("\n") == 4
    for line, sentence in REFUSED:
        code, out, err = hptui(line)
        assert code in (1, 2), (line, out, err)
        assert sentence in err, (line, out, err)
        assert "sesame" not in out + err
    assert path.read_bytes() == before
    assert studies_in(mirror_path(address_of(path))) == studies_in(storage)


def test_a_copy_of_what_is_elsewhere_is_one_of_the_persons_studies(
    hptui: Callable[[str], tuple[int, str, str]], tmp_path: Path
) -> None:
    storage = tuned(tmp_path / "journal.log", "vit")
    for line in (
        "duplicate lab:#vit copy",
        "fork journal.log#vit fork",
        "merge lab#vit copy --into merged --any-objective",
    ):
        code, out, err = hptui(line)
        assert code == 0, (line, out, err)
    found = {each.name: each for each in list_studies(tmp_path / "studies")}
    assert sorted(found) == ["copy", "fork", "merged"]
    assert {each.n_trials for each in found.values()} == {3}
    (mirrored,), (copied,) = studies_in(storage), studies_in(found["copy"].path)
    assert mirrored[4] == copied[4]
    # It is a study like any.
    assert hptui("tag copy --add good")[0] == 0
    assert hptui("rename copy other")[0] == 0


def test_json_says_what_a_mirror_is_of_and_warnings_say_how_old(
    hptui: Callable[[str], tuple[int, str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "journal.log"
    tuned(path, "vit")
    shown = json.loads(hptui("show lab: --json")[1])
    listed = json.loads(hptui("ls lab: --json")[1])
    told = json.loads(hptui("mirror lab: --json")[1])
    for mirror in (shown["mirror"], listed[0]["mirror"]):
        assert mirror["address"] == str(path)
        assert mirror["trouble"] is None
    assert (told["studies"], told["trials"], told["study"]) == (1, 3, None)
    assert told["file"] == str(mirror_path(address_of(path)))
    code, out, _ = hptui("duplicate lab#vit copy")
    assert (code, json.loads(hptui("show copy --json")[1])["mirror"]) == (0, None), out
    with path.open("a") as stream:
        stream.write("{damaged\n")
    code, out, err = hptui("best lab:")
    assert (code, "1 entry of the journal cannot be read" in err) == (0, True), (out, err)
    address = address_of(path)
    path.unlink()
    code, again, err = hptui("best lab:")
    assert (code, again) == (0, out)
    assert f"mirror of {path}, " in err
    assert "there is no such file" in err
    state = mirror_state(mirror_path(address))
    assert state is not None
    assert state.is_stale
    settings = tmp_path / "settings.toml"
    settings.write_text('[storages]\nlab = "sqlite:///a.db"\n')
    code, _, err = hptui("best lab:")
    assert (code, "which is no address of a server and no journal" in err) == (2, True)


def test_a_study_is_copied_to_where_others_are(
    hptui: Callable[[str], tuple[int, str, str]], tmp_path: Path
) -> None:
    storage = tuned(tmp_path / "journal.log", "vit")
    assert hptui("duplicate lab#vit mine")[0] == 0
    code, out, err = hptui("push mine lab:")
    assert (code, "journal.log#mine: 3 trials." in out) == (0, True), (out, err)
    told = json.loads(hptui("push mine new.log#other --json")[1])
    assert told == {"study": "other", "address": f"{tmp_path}/new.log", "trials": 3}
    (there, *_), (new,) = studies_in(storage), studies_in(journal(tmp_path / "new.log"))
    assert there[0] == "mine"
    assert there[1:] == new[1:]
    for line, sentence in (
        ("push mine lab:", "holds a study 'mine' already"),
        ("push mine nowhere/new.log", "is no address of a server"),
        ("push mine grpc://h:1", "cannot be copied to grpc://h:1"),
        ("push nosuch lab:", "There is no study 'nosuch'"),
        ("push mine postgresql://me:sesame@127.0.0.1:1/d", "postgres"),
    ):
        code, out, err = hptui(line)
        assert code in (1, 2), (line, out)
        assert sentence in err, (line, err)
        assert "sesame" not in err


def test_a_password_is_asked_for_on_a_terminal_and_kept_nowhere(
    hptui: Callable[[str], tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned(tmp_path / "journal.log", "vit")
    asked: list[str] = []

    def source(address: SourceAddress) -> Source:
        if "open%20sesame" not in address.url:
            raise PasswordError("It wants a password.", hint="Give one.")
        return JournalFile(tmp_path / "journal.log")

    def type_password(prompt: str) -> str:
        asked.append(prompt)
        return "open sesame"

    monkeypatch.setattr(following, "source_of", source)
    monkeypatch.setattr("getpass.getpass", type_password)
    code, _, err = hptui("show postgresql://me@lab/db#vit")
    assert (code, asked) == (1, [])
    assert "Give one." in err
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    code, out, _ = hptui("show postgresql://me@lab/db#vit")
    assert (code, "mirror of postgresql://me@lab/db#vit, " in out) == (0, True)
    assert asked == ["Password for postgresql://me@lab/db: "]
    # What the application follows has the password, too.
    place = open_place("postgresql://me@lab/db#vit")
    assert place.study == "vit"
    assert place.source is not None
    assert "open%20sesame" in place.source.url
    assert "sesame" not in repr(place)
    # Where nobody can be asked any more, what was read is shown, with the reason.
    with monkeypatch.context() as patch:
        patch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
        code, out, err = hptui("show postgresql://me@lab/db#vit")
        assert (code, "It wants a password." in out, len(asked)) == (0, True, 2), err
    kept = [each.read_bytes() for each in mirrors_folder().iterdir() if each.is_file()]
    assert b"sesame" not in b"".join(kept)


def test_a_follower_keeps_up_until_whoever_started_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "journal.log"
    storage = tuned(path, "vit")
    file = mirror_path(address_of(path))
    with subprocess.Popen(
        [sys.executable, "-m", "hptui", "mirror", "-", "--follow"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as follower:
        assert follower.stdin is not None
        follower.stdin.write(f"{path}\n".encode())
        follower.stdin.flush()
        wait_until(lambda: file.exists() and len(list_studies(file)) == 1, "the first reading")
        optuna.load_study(study_name="vit", storage=storage).ask()
        wait_until(lambda: list_studies(file)[0].n_trials == 4, "the new trial")
        # Another one stands by, and what is asked meanwhile is as new as it.
        assert main(["mirror", str(path)]) == 0
        path.rename(tmp_path / "away")
        wait_until(lambda: (state := mirror_state(file)) and state.trouble, "trouble to be told")
        follower.stdin.close()
        assert follower.wait(DEADLINE_S) == 0
        assert follower.stdout is not None
        said = follower.stdout.read().decode()
    assert "there is no such file. 1 study, 4 trials." in said


def test_no_command_line_of_a_detached_run_has_a_password() -> None:
    storage = "postgresql://me:se%20same@h/d"
    argv = ["train.py", "--detach", f"--storage={storage}", "--", "--storage", storage]
    arguments, variables = detached_command(argv, storage, address_of(f"{storage}#net"))
    # What stands after -- is the objective's own.
    assert arguments == ["train.py", "--storage=postgresql://me@h/d#net", *argv[3:]]
    assert variables == {"PGPASSWORD": "se same"}
    assert detached_command(["train.py", "--detach"], None, None) == (["train.py"], {})


def test_a_password_for_an_empty_database_is_asked_for_once(
    hptui: Callable[[str], tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refresh(address: SourceAddress) -> MirrorState:
        if not address.environment():
            raise PasswordError("It wants a password.")
        raise BareDatabaseError("No study is there yet.")

    def asked(address: SourceAddress) -> SourceAddress:
        return address.with_password("sesame")

    monkeypatch.setattr(following, "refresh", refresh)
    monkeypatch.setattr(mirrored, "with_asked_password", asked)
    address, _ = mirrored.file_of_run(address_of("postgresql://me@h/empty"))
    assert address.environment() == {"PGPASSWORD": "sesame"}

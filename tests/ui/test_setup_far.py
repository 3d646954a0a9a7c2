"""The set-up form on workers on other machines: typed, checked, started, taken over."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, cast

import pytest
from tests.e2e.far_runs import SOURCE, stand_in
from tests.e2e.programs import load, places_in, run
from tests.ui.driving import drive

from hptui.cli.commands.tuning import run as run_command
from hptui.cli.options.far_options import as_in_last_run
from hptui.domain.far_workers import Host
from hptui.errors import UsageError
from hptui.storage.read.study_detail import read_study
from hptui.storage.read.study_facts import read_facts
from hptui.ui.application.settings import DEFAULTS, Settings
from hptui.ui.setup import far_fields
from hptui.ui.setup.run_draft import RunDraft, RunKey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hptui.storage.read.study_facts import StudyFacts


def filled(texts: Mapping[str, str]) -> RunDraft:
    draft = RunDraft.start(3).named("study")
    for key, text in texts.items():
        draft = draft.with_text(cast("RunKey", key), text)
    return draft


SSH = {"backend": "ssh", "hosts": "gpu1,gpu2:4"}


@pytest.mark.parametrize(
    ("texts", "options"),
    [
        (SSH, "--hosts gpu1,gpu2:4"),
        ({"workers": "2", **SSH}, "--workers 2 --hosts gpu1,gpu2:4"),
        ({**SSH, "devices": "0,1", "code": "ship"}, None),
        (
            {**SSH, "code": "ship", "host-python": "/opt/python", "lost-after": "5m"},
            "--hosts gpu1,gpu2:4 --code ship --host-python /opt/python --lost-after 5m",
        ),
        ({"backend": "dask"}, "--backend dask"),
        (
            {"backend": "dask", "scheduler": "tcp://h:1", "worker-resources": "GPU=1"},
            "--scheduler tcp://h:1 --worker-resources GPU=1",
        ),
        # What was typed for another backend stays, and has no effect.
        ({**SSH, "backend": "dask"}, "--backend dask"),
        ({**SSH, "code": "ship", "backend": "loky"}, "--workers 3"),
    ],
)
def test_fields_become_options(
    texts: dict[str, str], options: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(far_fields, "find_spec", repr)
    texts = {**texts}
    last = texts.pop("backend")
    # The fields of hosts can be typed while the backend is ssh.
    draft = filled({"backend": "ssh"} if "hosts" in texts else {"backend": last})
    for key, text in {**texts, "backend": last}.items():
        draft = draft.with_text(cast("RunKey", key), text)
    if options is None:
        assert draft.problems() == ["gpu2:4 has 4 workers, and its devices hold 2."]
        return
    assert " ".join(draft.options()) == options
    assert draft.problems() == []


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ({"backend": "ssh"}, "Enter the machines in the field hosts, like gpu1,gpu2:4."),
        ({**SSH, "pin": "yes"}, "The field pin is for workers on this machine."),
        ({**SSH, "workers": "9"}, "9 workers do not fit on 2 hosts with 5 places."),
        ({**SSH, "devices": "auto"}, "Name the devices of each host: 0,1."),
        (
            {"backend": "dask"},
            "A dask cluster needs the package distributed: pip install 'hptui[dask]'.",
        ),
        (
            {"backend": "dask", "devices": "0"},
            "The devices of a dask cluster are its own; use worker resources.",
        ),
    ],
)
def test_what_does_not_go_together_is_said(
    texts: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(far_fields, "find_spec", lambda _name: None)  # pyright: ignore
    assert sentence in filled(texts).problems()


@pytest.mark.parametrize(
    ("key", "text", "sentence"),
    [
        ("hosts", "-oProxyCommand=x", "is not a list of hosts"),
        ("hosts", "a", "needs the backend ssh"),
        ("scheduler", "tcp://h:1", "needs the backend dask"),
        ("code", "ship", "needs the backend ssh or dask"),
        ("lost-after", "x", "is not a duration"),
    ],
)
def test_what_is_wrong_is_refused(key: str, text: str, sentence: str) -> None:
    draft = filled({} if "needs" in sentence else {"backend": "ssh"})
    with pytest.raises(UsageError, match=sentence):
        draft.with_text(cast("RunKey", key), text)


def test_settings_may_say_where_workers_are() -> None:
    defaults = {"hosts": "gpu1", "backend": "ssh", "code": "ship"}
    assert " ".join(RunDraft.start(3, defaults).options()) == "--hosts gpu1 --code ship"
    assert set(defaults) <= set(DEFAULTS)


def test_machines_are_entered_and_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    variables = stand_in(tmp_path)
    for name, value in (variables | places_in(tmp_path)).items():
        monkeypatch.setenv(name, value)
    drive(
        f"""
        wait "hptui" 10s
        press n
        wait "Choose an objective" 10s
        type "{SOURCE}:reports"
        press enter
        wait "2 parameters" 30s
        press tab tab tab
        press down down right enter enter
        wait "Enter the machines in the field hosts"
        press down left enter
        type one
        press enter
        wait "--hosts one"
        press f5
        wait "not running" 60s
        press r
        wait "next run of" 10s
        wait "--hosts one" 10s
        """,
        size="160x48",
        settings=Settings(defaults={"trials": 2}),
    )
    (study,) = tmp_path.glob("*.db")
    name = study.stem
    code, _, err = run(
        *("run", f"{SOURCE}:reports", "--trials", "2", "--study", name), cwd=tmp_path, **variables
    )
    assert code == 0, err
    assert "Workers run on one, as in the last run; --backend loky brings them back here." in err
    hosts = [each.system_attrs["hptui:place"]["host"] for each in load(tmp_path, name).trials]
    assert hosts == ["one"] * 4
    assert [each.backend for each in read_study(study, name).runs] == ["ssh"] * 2

    facts = read_facts(study, name, 1)
    assert read_again(facts, "--threads", "2").hosts == (Host("one"),)
    assert read_again(facts, "--pin").hosts is None
    assert read_again(facts, "--backend", "loky").hosts is None
    assert read_again(facts, "--hosts", "two").hosts == (Host("two"),)
    # A machine that only a study names is not taken over.
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "of-somebody-else"))
    assert read_again(facts).hosts is None
    drive(
        f"""
        wait "{name}" 10s
        press r
        wait "Run the code that this study names?" 10s
        press y
        wait "The last run's workers were on one; this one's are on this machine." 10s
        expect-not "--hosts"
        """,
        size="160x48",
        settings=Settings(),
    )


def read_again(facts: StudyFacts, *given: str) -> argparse.Namespace:
    """Return the options of the next run, filled in from the last one."""
    parser = argparse.ArgumentParser()
    run_command.add_arguments(parser)
    args = parser.parse_args([*given, "x"])
    note = as_in_last_run(args, facts)
    assert bool(note) == (not {"--backend", "--hosts"} & set(given))
    return args

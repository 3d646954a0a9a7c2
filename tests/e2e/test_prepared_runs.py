"""A study that is prepared while nobody runs it, its next run, and who follows that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.e2e.programs import load, run, start, wait_until
from tests.storage.study_file import FLOAT, StudyFile

from hptui.cli.main import main
from hptui.engine.studies.at_rest import steer
from hptui.storage.read.study_detail import read_study

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

OBJECTIVE = """
import time
from pathlib import Path

Path("loading").touch()
while not Path("load").exists():
    time.sleep(0.005)

def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    print("\\x1b[31mat\\x1b[0m", x, "\\x07 mysql://me:hunter2@host/db", flush=True)
    Path(f"started-{trial.number}").touch()
    while not Path("go").exists():
        time.sleep(0.005)
    print("no end", end="")
    return x
"""


def test_a_study_is_prepared_run_and_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    (tmp_path / "obj.py").write_text(OBJECTIVE)
    path = tmp_path / "s.db"
    with StudyFile(path) as built:
        built.add_study("s")
        built.add_trial(0.5, params={"x": (0.5, FLOAT)})
    for words, said in (
        (["space", "--space", "x=0.2..0.4"], "0 trials kept, 1 set aside, from the next run on."),
        (["space"], "  x  0.0..1.0   edited since trial 1: low 0.2, high 0.4"),
        (["enqueue", "--params", '{"x": 0.25}'], "Trial 1 waits for the next run."),
        (
            ["extend", "--trials", "2"],
            "The next run will have 2 trials, unless you give it a budget.",
        ),
        (["jobs", "2"], "The next run will have 2 workers, unless you give another number."),
        (["workers", "1"], "The next run will have 1 worker, unless you give another number."),
    ):
        assert main([words[0], "sqlite:///s.db", *words[1:]]) == 0
        assert capsys.readouterr().out.rstrip("\n") == said
    assert main(["status", "s"]) == 0
    assert "  next run   2 trials, 1 worker" in capsys.readouterr().out

    process = start("run", "obj.py", "--storage", f"sqlite:///{path}", "--study", "s", cwd=tmp_path)
    wait_until((tmp_path / "loading").exists, "the objective is being loaded")
    # The run has not taken the study yet: what is prepared now counts for it.
    assert steer(path, "s", {"op": "extend", "trials": 1})["next_run"] is True
    assert steer(path, "s", {"op": "jobs", "n": 2})["next_run"] is True
    (tmp_path / "load").touch()
    wait_until((tmp_path / "started-2").exists, "two trials at once")
    assert steer(path, "s", {"op": "extend", "trials": 1})["next_run"] is False

    listed = json.loads(run("ls", "--running", "--json", cwd=tmp_path)[1])
    assert [each["run"]["workers"] for each in listed] == [2]
    assert "running 0/4, 2 workers" in run("ls", cwd=tmp_path)[1]
    code, said, _ = run("wait", "s", "--timeout", "10ms", cwd=tmp_path)
    assert (code, said) == (124, "Still running after 0.01 s: s.\n")
    told = run("logs", "s", cwd=tmp_path)[1]
    assert sorted(line[:7] for line in told.splitlines()) == ["1 | at ", "2 | at "]
    assert told.count("\\x07 mysql://me:***@host/db") == 2
    followers = {
        words: start(*words, cwd=tmp_path)
        for words in (("logs", "s", "-f"), ("logs", "s", "1", "-f"), ("watch", "s"), ("wait", "s"))
    }
    streams = {words: follower.stdout for words, follower in followers.items()}
    for words in list(streams)[:3]:
        stream = streams[words]
        assert stream is not None
        # It has found the run, which may end now.
        assert stream.readline()
    (tmp_path / "go").touch()
    out = {words: follower.stdout.read() for words, follower in followers.items()}  # pyright: ignore[reportOptionalMemberAccess]
    assert {words: follower.wait() for words, follower in followers.items()} == dict.fromkeys(
        out, 0
    )
    _, err = process.communicate()
    assert process.returncode == 0
    assert err.count("As prepared") == 1
    assert "As prepared, this run has 3 trials, 2 workers.\n" in err
    assert "Edits in force: x (low 0.2, high 0.4, since trial 1). --reset NAME undoes one." in err

    end = "s: All trials of this run have ended. 4 complete, 0 pruned, 0 failed.\n"
    assert out["wait", "s"] == end
    assert out["watch", "s"].endswith(end)
    lines = out["logs", "s", "-f"].splitlines()
    assert {f"{number} | no end" for number in (1, 2, 3, 4)} <= set(lines)
    assert out["logs", "s", "1", "-f"] == "no end\n"
    made = load(tmp_path, "s").trials[1:]
    assert made[0].params == {"x": 0.25}
    assert all(0.2 <= trial.params["x"] <= 0.4 for trial in made)
    detail = read_study(path, "s")
    assert (len(made), detail.prepared.to_json()) == (4, {})
    assert (detail.runs[-1].n_trials, detail.runs[-1].workers) == (3, 2)
    assert main(["wait", "s", "--json"]) == 0
    last = json.loads(capsys.readouterr().out)
    assert (last["reason"], last["counts"]["complete"], last["exit_code"]) == ("trials", 4, 0)
    assert main(["ls", "--running"]) == 0
    assert capsys.readouterr().out == f"No study in {tmp_path} is running.\n"

"""Commands tuned by the real program: workers and engines killed outright leave no process."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests.e2e.programs import events, load, places_in, run, starter, trials_of
from tests.waiting import wait_until
from tests.zoo.test_programs import PROGRAM, of_programs

if TYPE_CHECKING:
    from pathlib import Path

HANGS = ["--", *PROGRAM, "{how=hangs}", "{x=0..1:float}"]
PER_TRIAL = 3
"""Processes of a program that hangs: itself, and two children, one in its own session."""


def begin(folder: Path, *arguments: str) -> Any:
    with (folder / "said").open("w") as out:
        return starter().start(arguments, folder, places_in(folder), out=out.fileno())


def told(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "said").read_text()
    return trials_of(events(text[: text.rfind("\n") + 1]))


def waits_for(count: int, folder: Path) -> None:
    wait_until(
        lambda: len(of_programs(folder)) == count,
        f"{count} processes",
        lambda: [each.cmdline() for each in of_programs(folder)],
    )


def leaders(folder: Path) -> list[psutil.Process]:
    return [each for each in of_programs(folder) if each.cmdline()[-2] == "hangs"]


def test_whoever_is_killed_no_program_is_left(tmp_path: Path) -> None:
    options = ["--metric", "loss", "--json", "--study", "s", "--jobs", "2", "--grace", "0.2s"]
    arguments = ["run", *options, "--trials", "100", *HANGS]
    engine = begin(tmp_path, *arguments)
    waits_for(2 * PER_TRIAL, tmp_path)

    # A worker, as when memory runs out.
    worker = leaders(tmp_path)[0].parent()
    assert worker is not None
    its_own = {each.pid for each in worker.children(recursive=True)}
    assert len(its_own) == PER_TRIAL
    worker.kill()
    wait_until(lambda: len(told(tmp_path)) == 1, "its trial failed")
    waits_for(2 * PER_TRIAL, tmp_path)
    assert not its_own & {each.pid for each in of_programs(tmp_path)}

    # A trial, by who watches it.
    number = min({0, 1, 2} - {each["number"] for each in told(tmp_path)})
    code, _, err = run("kill", "s", str(number), cwd=tmp_path)
    assert code == 0, err
    wait_until(lambda: len(told(tmp_path)) == 2, "it was killed")

    # The engine, and with it everything.
    waits_for(2 * PER_TRIAL, tmp_path)
    psutil.Process(engine.pid).kill()
    engine.wait()
    waits_for(0, tmp_path)

    # The last run is stopped as it should be.
    engine = begin(tmp_path, *arguments)
    waits_for(2 * PER_TRIAL, tmp_path)
    code, _, err = run("stop", "s", "--now", cwd=tmp_path)
    assert code == 0, err
    engine.wait()
    waits_for(0, tmp_path)
    errors = [each.system_attrs["hptui:error"]["message"] for each in load(tmp_path, "s").trials]
    assert any(each.startswith("The worker process ended (SIGKILL") for each in errors)
    assert any(each.startswith("Killed by you") for each in errors)
    assert errors[-2:] == ["Ended by stop --now."] * 2


C_TRAINER = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int n, char **words) {
    double lr = atof(words[1]);
    for (int epoch = 1; epoch < 1000; epoch++) {
        printf("epoch %d loss: %g\\n", epoch, lr + 1.0 / epoch);
        if (lr < 1 && epoch == 3) return 0;
        usleep(20000);
    }
}
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="it compiles a program")
def test_a_program_that_holds_back_its_output_is_pruned_through_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "train.c").write_text(C_TRAINER)
    subprocess.run(["cc", "-o", "train", "train.c"], cwd=tmp_path, check=True)
    options = ["--metric", "loss", "--sampler", "random", "--pruner", "median:n_startup_trials=1"]
    good, bad = """{"lr": 0.5}""", """{"lr": 5.0}"""
    options += ["--enqueue", good, "--enqueue", bad, "--trials", "2", "--jobs", "1", "--pty"]
    code, _, err = run("run", *options, "--", "./train", "{lr=0.0..9.0}", cwd=tmp_path)
    assert code == 0, err
    complete, pruned = load(tmp_path, "train").trials
    assert (complete.state.name, complete.value) == ("COMPLETE", 0.833333)
    assert pruned.state.name == "PRUNED"
    assert len(pruned.intermediate_values) < 20
    log = (tmp_path / "train.hptui/logs/trial-000000.log").read_bytes()
    assert log.startswith(b"$ ./train 0.5\nepoch 1 loss: 1.5\nepoch 2")

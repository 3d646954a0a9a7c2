"""Scripts that use Optuna already, run by the real program with real workers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.e2e.programs import events, load, run

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import argparse, multiprocessing, os, pathlib, pickle, socket, sys, tempfile
import optuna

class Tee:
    def __init__(self, *streams):
        self.streams = streams
    def write(self, text):
        for stream in self.streams:
            stream.write(text)
    def flush(self):
        for stream in self.streams:
            stream.flush()

class Model:
    def __init__(self, x):
        self.x = x

def square(x):
    return x * x

def objective(trial):
    model = pickle.loads(pickle.dumps(Model(trial.suggest_float("x", 0, args.width))))
    pool = multiprocessing.get_context("spawn").Pool(1) if trial.number == 0 else None
    value = square(model.x) if pool is None else pool.apply(square, (model.x,))
    trial.set_user_attr("seen", len(study.trials))
    return value + int(data.read_text()) + float(pathlib.Path("width.txt").read_text())

if __name__ == "__main__":
    socket.setdefaulttimeout(0.02)
    sys.stdout = Tee(sys.stdout, open(os.devnull, "w"))
    print("begins", flush=True)
    os.chdir(pathlib.Path(__file__).parent)
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=float, required=True)
    parser.add_argument("--trials", type=int, default=6)
    args = parser.parse_args()
    study = optuna.create_study(
        study_name="mine", storage="sqlite:///mine.db", load_if_exists=True,
        sampler=optuna.samplers.RandomSampler(seed=1))
    pickle.dumps(study)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        data = pathlib.Path(folder, "data.txt")
        data.write_text("3")
        try:
            study.optimize(objective, n_trials=args.trials, callbacks=[print])
        finally:
            print("cleans up", flush=True)
    print("goes on", study.best_params, flush=True)
"""


def test_a_script_is_tuned_where_it_stands_with_its_arguments(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "tune.py").write_text(SCRIPT)
    (folder / "width.txt").write_text("0.5")
    asked = ("--jobs", "2", "--json", "--", "--width", "2.5")
    code, out, err = run("run", "lab/tune.py", *asked, cwd=tmp_path)
    assert code == 0, err
    started, *trials, _ = events(out)
    assert started["directions"] == ["minimize"]
    assert started["sampler"] == "random"
    taken, left = started["notes"]
    assert taken.startswith("Taken over from tune.py (line 46): objective(), minimize")
    assert "callbacks (print)" in taken
    assert "its storage sqlite:///mine.db (--storage mine.db" in left
    study = load(tmp_path, "tune")
    assert len(trials) == len(study.trials) == 6
    assert study.best_value > 3.5
    # The script's own study is the one that is stored, while a trial runs.
    assert max(each.user_attrs["seen"] for each in study.trials) == 6
    said = (tmp_path / "tune.hptui" / "engine.log").read_text()
    # Two workers, and the process of the callbacks.
    assert said.count("begins") == said.count("cleans up") == 3
    printed = (tmp_path / "tune.hptui" / "callbacks.log").read_text()
    assert printed.count("FrozenTrial(number=") == 6
    assert "goes on" not in said
    assert sorted(each.name for each in folder.iterdir()) == ["tune.py", "width.txt"]
    # What it does with the best parameters does not hide what it tunes.
    code, out, err = run("objectives", "lab/tune.py", "--", "--width", "2.5", cwd=tmp_path)
    assert code == 0, err
    assert "x          float" in out
    assert "Taken over from tune.py (line 46): objective()" in out
    assert "tune.py needs its results" in out


def test_what_is_typed_counts_and_a_study_goes_on_as_a_script(tmp_path: Path) -> None:
    (tmp_path / "tune.py").write_text(
        "import optuna\ndef objective(trial): return trial.suggest_float('x', 0, 1)\n"
        "study = optuna.create_study(direction='maximize')\nstudy.optimize(objective, 50)\n"
    )
    one = ("--jobs", "1", "--trials", "2")
    assert run("run", "tune.py:objective", *one, cwd=tmp_path)[0] == 0
    code, _, err = run("run", "tune.py", *one, "--sampler", "random", cwd=tmp_path)
    assert code == 0
    assert "Taken over from tune.py (line 4): objective(), maximize, pruner median." in err
    assert "with random" in err
    assert run("run", "tune.py:objective", *one, cwd=tmp_path)[0] == 0
    assert len(load(tmp_path, "tune").trials) == 6
    code, out, _ = run("objectives", "tune.py", "--json", cwd=tmp_path)
    assert code == 0
    told = json.loads(out)
    assert told["directions"] == ["maximize"]
    assert list(told["parameters"]) == ["x"]
    assert told["script"]["n_trials"] == 50

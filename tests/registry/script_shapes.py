"""Tuning scripts as people write them, one of each shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GUARD = 'if __name__ == "__main__":'


@dataclass(frozen=True)
class Shape:
    """A script with what lies beside it, and what is said of its study."""

    source: str
    n_trials: int | None = 5
    directions: tuple[str, ...] = ("minimize",)
    argv: tuple[str, ...] = ()
    beside: Mapping[str, str] = field(default_factory=dict[str, str])
    """Other files, by their paths from the script's folder."""
    path: str = "tune.py"
    plain_module: str = ""
    """The module that `python -m` runs, where the path alone would not do."""

    def write(self, folder: Path) -> Path:
        """Write the files and return the script."""
        for name, text in {**self.beside, self.path: self.source}.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(text))
        return folder / self.path


MAX = ("maximize",)
TWO = ("minimize", "maximize")
OBJECTIVE = """
import optuna
def objective(trial):
    return (trial.suggest_float("x", -4, 2) - 1) ** 2
"""
"""Indented by nothing: what follows it must be so, too."""


def top(text: str) -> str:
    """Return a script with a plain objective and this after it."""
    return OBJECTIVE + dedent(text)


SHAPES: dict[str, Shape] = {
    # -- where the objective is
    "top level": Shape(
        top("""
        study = optuna.create_study()
        study.optimize(objective, n_trials=5)
        print(study.best_params)
        """)
    ),
    "under the guard": Shape(
        top(f"""
        {GUARD}
            study = optuna.create_study(direction="maximize")
            study.optimize(objective, n_trials=7)
            print("best", study.best_value)
        """),
        7,
        MAX,
    ),
    "defined under the guard": Shape(f"""
        import optuna
        {GUARD}
            scale = 3
            def objective(trial):
                return trial.suggest_int("depth", 1, 9) * scale
            optuna.create_study().optimize(objective, n_trials=5)
        """),
    "in main": Shape(f"""
        import optuna
        def main() -> None:
            rows = [1.0, 2.0, 4.0]
            def objective(trial):
                w = trial.suggest_float("w", 0, 4)
                return sum((w - row) ** 2 for row in rows)
            study = optuna.create_study()
            study.optimize(objective, n_trials=5)
        {GUARD}
            main()
        """),
    "left by sys.exit": Shape(f"""
        import sys, optuna
        def main():
            optuna.create_study().optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=5)
            return 0
        {GUARD}
            sys.exit(main())
        """),
    "lambda with data": Shape(f"""
        import optuna
        def score(trial, rows, k):
            return trial.suggest_float("w", 0, 4) * len(rows) + k
        def main():
            rows = [1, 2, 3]
            study = optuna.create_study()
            study.optimize(lambda trial: score(trial, rows, k=2), n_trials=5)
        {GUARD}
            main()
        """),
    "lambda of a loop": Shape("""
        import optuna
        studies = []
        for kind in ("a", "b"):
            study = optuna.create_study()
            study.optimize(lambda t, kind=kind: len(kind) + t.suggest_float("x", 0, 1), n_trials=5)
            studies.append(study.best_value)
        """),
    "factory": Shape("""
        import optuna
        def make_objective(rows):
            def objective(trial):
                return trial.suggest_categorical("pick", ["a", "bb"]) .__len__() + sum(rows)
            return objective
        study = optuna.create_study()
        study.optimize(make_objective([1, 2]), n_trials=5)
        """),
    "partial by keyword": Shape(
        """
        from functools import partial
        import optuna
        def score(trial, data):
            return trial.suggest_float("w", 0, 4) * data["k"]
        study = optuna.create_study(direction="maximize")
        study.optimize(partial(score, data={"k": 2}), n_trials=5)
        """,
        directions=MAX,
    ),
    "partial by place": Shape("""
        import functools, optuna
        def score(data, trial):
            return trial.suggest_float("w", 0, 4) + data
        optuna.create_study().optimize(functools.partial(score, 10), n_trials=5)
        """),
    "instance": Shape(
        f"""
        import optuna
        class Objective:
            def __init__(self, rows):
                self.rows = rows
            def __call__(self, trial):
                return trial.suggest_float("w", 0, 4) * len(self.rows)
        {GUARD}
            study = optuna.create_study(direction="maximize")
            study.optimize(Objective([1, 2, 3]), n_trials=5)
        """,
        directions=MAX,
    ),
    "data class": Shape("""
        from __future__ import annotations
        from dataclasses import dataclass
        import optuna
        @dataclass
        class Fit:
            width: float = 2.0
            def __call__(self, trial: optuna.Trial) -> float:
                return trial.suggest_float("x", -self.width, self.width + 1)
        optuna.create_study().optimize(Fit(3.0), n_trials=5)
        """),
    "bound method": Shape(
        f"""
        import optuna
        class Tuner:
            def __init__(self):
                self.study = optuna.create_study(direction="maximize")
            def objective(self, trial):
                return trial.suggest_int("n", 1, 5)
            def run(self, n):
                self.study.optimize(self.objective, n_trials=n)
                return self.study.best_params
        {GUARD}
            print(Tuner().run(9))
        """,
        9,
        MAX,
    ),
    "static and class methods": Shape("""
        import optuna
        class Lab:
            @staticmethod
            def objective(trial): return trial.suggest_int("n", 1, 5)
            @classmethod
            def search(cls): optuna.create_study().optimize(cls.objective, n_trials=5)
        Lab.search()
        """),
    "decorated": Shape("""
        import functools, optuna
        def timed(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                return function(*args, **kwargs) + 1
            return wrapper
        @timed
        def objective(trial): return trial.suggest_float("x", 0, 2)
        optuna.create_study().optimize(objective, n_trials=5)
        """),
    "other names": Shape("""
        import optuna as op
        def tune_model(t, scale=2.0):
            return t.suggest_float("x", 0, 2) * scale
        op.create_study().optimize(tune_model, n_trials=5)
        """),
    "parts of a dictionary": Shape("""
        import optuna
        def space(trial):
            return {"lr": trial.suggest_float("lr", 1e-4, 1e-1, log=True),
                    "kind": trial.suggest_categorical("kind", ("sgd", "adam", None))}
        MODELS = {"net": lambda trial: space(trial)["lr"]}
        optuna.create_study().optimize(MODELS["net"], n_trials=5)
        """),
    # -- where the call is
    "a helper optimizes": Shape(
        """
        import optuna
        def run(objective, n_trials, **settings):
            study = optuna.create_study(**settings)
            study.optimize(objective, n_trials=n_trials)
            return study
        def objective(trial): return trial.suggest_float("x", 0, 2)
        run(objective, 11, direction="maximize")
        """,
        11,
        MAX,
    ),
    "a module of its own optimizes": Shape(
        """
        from lab.search import search
        def objective(trial): return trial.suggest_float("x", 0, 2)
        search(objective)
        """,
        beside={
            "lab/__init__.py": "",
            "lab/search.py": """
        import optuna
        def search(objective):
            study = optuna.create_study(direction="maximize")
            study.optimize(objective, n_trials=5)
        """,
        },
        directions=MAX,
    ),
    "imported": Shape(
        f"""
        import optuna
        from lab.objectives import tune
        {GUARD}
            optuna.create_study().optimize(tune, n_trials=5)
        """,
        beside={
            "lab/__init__.py": "",
            "lab/objectives.py": """
        from lab.data import WIDTH
        def tune(trial): return trial.suggest_float("x", -WIDTH, WIDTH + 2)
        """,
            "lab/data.py": "WIDTH = 3",
        },
    ),
    "module of a package": Shape(
        f"""
        import optuna
        from .data import WIDTH
        from . import data
        def objective(trial): return trial.suggest_float("x", -WIDTH, data.WIDTH + 2)
        {GUARD}
            optuna.create_study().optimize(objective, n_trials=5)
        """,
        beside={"lab/__init__.py": "", "lab/data.py": "WIDTH = 3"},
        path="lab/tune.py",
        plain_module="lab.tune",
    ),
    "module that names its package": Shape(
        f"""
        import optuna
        from lab.deep.data import WIDTH
        import sibling
        def objective(trial): return trial.suggest_float("x", -WIDTH, WIDTH + sibling.MORE)
        {GUARD}
            optuna.create_study().optimize(objective, n_trials=5)
        """,
        beside={
            "lab/__init__.py": "",
            "lab/deep/__init__.py": "",
            "lab/deep/data.py": "WIDTH = 3",
            "sibling.py": "MORE = 2",
        },
        path="lab/deep/tune.py",
        plain_module="lab.deep.tune",
    ),
    "keyword arguments": Shape(
        top("""
        settings = {"func": objective, "n_trials": 5, "gc_after_trial": True, "catch": ValueError}
        optuna.create_study().optimize(**settings)
        """)
    ),
    "places": Shape(top("optuna.create_study().optimize(objective, 5, None, 1)")),
    "optimize as a function": Shape(
        top("""
        from optuna.study import Study
        Study.optimize(optuna.create_study(), objective, n_trials=5)
        """)
    ),
    "in a thread": Shape(
        top("""
        from concurrent.futures import ThreadPoolExecutor
        study = optuna.create_study()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(study.optimize, objective, n_trials=5).result()
        """)
    ),
    "in try and finally": Shape(f"""
        import optuna, pathlib, tempfile
        def main():
            study = optuna.create_study()
            with tempfile.TemporaryDirectory() as folder:
                data = pathlib.Path(folder, "data.txt")
                data.write_text("7")
                try:
                    study.optimize(
                        lambda t: int(data.read_text()) + t.suggest_float("x", 0, 1), n_trials=5
                    )
                except KeyboardInterrupt:
                    print("interrupted")
                except Exception as error:
                    print(error)
                finally:
                    data.unlink()
            print(study.best_params)
        {GUARD}
            main()
        """),
    "in a bare except": Shape(
        top("""
        study = optuna.create_study()
        try:
            study.optimize(objective, n_trials=5)
        except:
            print("failed")
        study.best_params
        """)
    ),
    "inside a pool": Shape("""
        import optuna
        from multiprocessing.pool import ThreadPool
        with ThreadPool(2) as pool:
            def objective(trial):
                return sum(pool.map(abs, [trial.suggest_float("x", -4, 2), 1.0]))
            optuna.create_study().optimize(objective, n_trials=5)
        """),
    # -- arguments, files, globals
    "argparse under the guard": Shape(
        f"""
        import argparse, optuna
        def objective(trial):
            return trial.suggest_float("x", -args.width, args.width + 1)
        {GUARD}
            parser = argparse.ArgumentParser()
            parser.add_argument("--width", type=float, default=3.0)
            parser.add_argument("--trials", type=int, default=13)
            args = parser.parse_args()
            optuna.create_study(direction="maximize").optimize(objective, n_trials=args.trials)
        """,
        13,
        MAX,
    ),
    "argparse with arguments": Shape(
        """
        import argparse, optuna
        parser = argparse.ArgumentParser()
        parser.add_argument("width", type=float)
        parser.add_argument("--goal", required=True, choices=["minimize", "maximize"])
        args = parser.parse_args()
        study = optuna.create_study(direction=args.goal)
        study.optimize(lambda t: t.suggest_float("x", 0, args.width), n_trials=5)
        """,
        5,
        MAX,
        ("6.5", "--goal", "maximize"),
    ),
    "sys.argv": Shape(
        """
        import sys, optuna
        width, n = float(sys.argv[1]), int(sys.argv[2])
        optuna.create_study().optimize(lambda t: t.suggest_float("x", 0, width), n_trials=n)
        """,
        3,
        argv=("2.5", "3"),
    ),
    "a file beside it": Shape(
        """
        import json, os, optuna
        from pathlib import Path
        config = json.loads((Path(__file__).parent / "config.json").read_text())
        assert os.path.samefile(__file__, os.path.abspath(__import__("sys").argv[0]))
        optuna.create_study(direction=config["goal"]).optimize(
            lambda t: t.suggest_float("x", 0, config["width"]), n_trials=config["n"])
        """,
        4,
        MAX,
        beside={"config.json": '{"goal": "maximize", "width": 5, "n": 4}'},
    ),
    "goes to its folder": Shape(
        """
        import os, optuna
        os.chdir(os.path.dirname(os.path.abspath(__file__)))
        def objective(trial):
            with open("width.txt") as stream:
                return trial.suggest_float("x", 0, float(stream.read()))
        optuna.create_study().optimize(objective, n_trials=5)
        """,
        beside={"width.txt": "9"},
    ),
    "pickles its classes": Shape("""
        import pickle, optuna
        class Model:
            def __init__(self, x): self.x = x
        def objective(trial):
            model = pickle.loads(pickle.dumps(Model(trial.suggest_float("x", 0, 2))))
            assert type(model) is Model and Model.__module__ == "__main__"
            return model.x
        optuna.create_study().optimize(objective, n_trials=5)
        """),
    "the global study": Shape(f"""
        import optuna
        def objective(trial):
            return trial.suggest_float("x", 0, 2) + len(study.trials)
        {GUARD}
            study = optuna.create_study()
            study.optimize(objective, n_trials=5)
        """),
    "children before": Shape(f"""
        import multiprocessing, optuna
        def square(x): return x * x
        {GUARD}
            with multiprocessing.get_context("fork").Pool(1) as pool:
                rows = pool.map(square, [1, 2, 3])
            optuna.create_study().optimize(
                lambda t: t.suggest_float("x", 0, 2) + sum(rows), n_trials=5)
        """),
    # -- what is set
    "direction by a name": Shape(
        top("""
        METRIC = "auc"
        GOAL = {"auc": "maximize", "loss": "minimize"}[METRIC]
        optuna.create_study(direction=GOAL).optimize(objective, n_trials=5)
        """),
        directions=MAX,
    ),
    "directions": Shape(
        """
        import optuna
        from optuna.study import StudyDirection as Way
        def objective(trial):
            x = trial.suggest_float("x", 0, 2)
            return x, 1 - x
        study = optuna.create_study(directions=[Way.MINIMIZE, Way.MAXIMIZE])
        study.set_metric_names(["cost", "gain"])
        study.optimize(objective, n_trials=5)
        """,
        directions=TWO,
    ),
    "sampler by its name": Shape(
        top("""
        def sampler(name, **options): return getattr(optuna.samplers, name)(**options)
        study = optuna.create_study(sampler=sampler("TPESampler", seed=3, n_startup_trials=4))
        study.optimize(objective, n_trials=5)
        """)
    ),
    "sampler set later": Shape(
        top("""
        study = optuna.create_study()
        study.sampler = optuna.samplers.QMCSampler(seed=9, scramble=True)
        study.pruner = optuna.pruners.PatientPruner(optuna.pruners.MedianPruner(3), patience=2)
        study.optimize(objective, n_trials=5)
        """)
    ),
    "genetic with constraints": Shape(
        """
        import optuna
        from optuna.samplers import NSGAIISampler, nsgaii
        def objective(trial):
            x = trial.suggest_float("x", 0, 2)
            trial.set_user_attr("limits", (x - 1,))
            return x, 1 - x
        sampler = NSGAIISampler(population_size=8, crossover=nsgaii.SBXCrossover(eta=3), seed=1,
                                constraints_func=lambda trial: trial.user_attrs["limits"])
        study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
        study.optimize(objective, n_trials=5)
        """,
        directions=TWO,
    ),
    "grid": Shape(
        top("""
        sampler = optuna.samplers.GridSampler({"x": [-3, 0, 2]}, seed=5)
        optuna.create_study(sampler=sampler).optimize(objective)
        """),
        None,
    ),
    "fixed in part": Shape(
        top("""
        base = optuna.samplers.CmaEsSampler(seed=2, popsize=6)
        sampler = optuna.samplers.PartialFixedSampler({"x": 1.0}, base)
        optuna.create_study(sampler=sampler).optimize(objective, n_trials=5)
        """)
    ),
    "a sampler of its own": Shape(
        top("""
        class Mine(optuna.samplers.RandomSampler):
            pass
        optuna.create_study(sampler=Mine(seed=4)).optimize(objective, n_trials=5)
        """)
    ),
    "a time": Shape(
        top("""
        study = optuna.create_study(pruner=optuna.pruners.HyperbandPruner(max_resource=9))
        study.optimize(objective, timeout=90, show_progress_bar=True)
        """),
        None,
    ),
    "callbacks": Shape(
        top("""
        from optuna.study import MaxTrialsCallback
        from optuna.trial import TrialState
        def keep(study, trial): pass
        stop = MaxTrialsCallback(21, states=(TrialState.COMPLETE,))
        optuna.create_study().optimize(objective, 50, callbacks=[keep, stop])
        """),
        50,
    ),
    "enqueued and added": Shape(
        top("""
        from optuna.distributions import FloatDistribution
        from optuna.trial import create_trial
        study = optuna.create_study()
        study.set_user_attr("data", {"rows": 3})
        study.add_trial(create_trial(params={"x": 0.5}, distributions={
            "x": FloatDistribution(-4, 2)}, value=0.25, user_attrs={"from": "before"}))
        study.enqueue_trial({"x": 0.125}, user_attrs={"memo": "default"})
        study.enqueue_trial({"x": 0.125}, skip_if_exists=True)
        study.optimize(objective, n_trials=5)
        """)
    ),
    # -- storages
    "sqlite": Shape(
        top("""
        study = optuna.create_study(study_name="mine", storage="sqlite:///mine.db",
                                    load_if_exists=True, direction="maximize")
        study.optimize(objective, n_trials=5)
        """),
        directions=MAX,
    ),
    "journal": Shape(
        top("""
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
        storage = JournalStorage(JournalFileBackend("journal.log"))
        optuna.create_study(storage=storage).optimize(objective, n_trials=5)
        """)
    ),
    "made at the top, optimized under the guard": Shape(f"""
        import optuna
        study = optuna.create_study(study_name="mine", storage="sqlite:///mine.db")
        def objective(trial): return trial.suggest_float("x", 0, 2)
        {GUARD}
            study.optimize(objective, n_trials=5)
        """),
    "loaded after it was made": Shape(
        top("""
        where = {"study_name": "mine", "storage": "sqlite:///mine.db"}
        optuna.create_study(direction="maximize", **where)
        optuna.load_study(**where).optimize(objective, n_trials=5)
        """),
        directions=MAX,
    ),
    # -- the same study again and again
    "trial by trial": Shape(
        top("""
        import pickle
        study = optuna.create_study()
        for _ in range(20):
            study.optimize(objective, n_trials=1)
            with open("study.pkl", "wb") as stream:
                pickle.dump(study, stream)
        """),
        1,
    ),
    "until enough": Shape(
        top("""
        study = optuna.create_study()
        while len(study.trials) < 20:
            study.optimize(objective, n_trials=1, timeout=60)
            print(study.best_value)
        """),
        1,
    ),
    "in batches": Shape(
        top("""
        n = 10
        study = optuna.create_study()
        study.optimize(objective, n_trials=n)
        print(study.best_params)
        study.optimize(objective, n_trials=n + 5)
        """),
        10,
    ),
    "a step of a class": Shape(
        f"""
        import optuna
        class Tuner:
            def __init__(self, rounds):
                self.rounds = rounds
                self.study = optuna.create_study(direction="maximize")
            def step(self):
                self.study.optimize(lambda trial: trial.suggest_int("n", 1, 5), n_trials=4)
            def run(self):
                for _ in range(self.rounds):
                    self.step()
        {GUARD}
            Tuner(rounds=3).run()
        """,
        4,
        MAX,
    ),
    "a study of each fold": Shape(
        f"""
        import optuna
        def tune(fold):
            study = optuna.create_study(study_name=f"fold{{fold}}", direction="maximize")
            study.optimize(lambda trial: trial.suggest_float("x", 0, 1 + fold), n_trials=5)
            return study.best_params
        {GUARD}
            print({{fold: tune(fold) for fold in range(1)}})
            for fold in range(1, 3):
                tune(fold)
        """,
        directions=MAX,
    ),
    "another sampler later": Shape(
        top("""
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
        study.optimize(objective, n_trials=5)
        study.sampler = optuna.samplers.TPESampler()
        study.optimize(objective, n_trials=15)
        """)
    ),
    "one study in several threads": Shape(
        top("""
        from joblib import Parallel, delayed
        study = optuna.create_study()
        Parallel(n_jobs=2, prefer="threads")(
            delayed(study.optimize)(objective, n_trials=5) for _ in range(2)
        )
        """)
    ),
    # -- what a script does to its process
    "signals, start method, streams": Shape(
        top(f"""
        import contextlib, io, multiprocessing, signal, sys
        {GUARD}
            multiprocessing.freeze_support()
            multiprocessing.set_start_method("spawn")
            signal.signal(signal.SIGINT, lambda *_: None)
            sys.stdout.reconfigure(line_buffering=True)
            sys.stderr = io.TextIOWrapper(sys.stderr.buffer, encoding="utf-8")
            study = optuna.create_study()
            with contextlib.redirect_stdout(io.StringIO()):
                study.optimize(objective, n_trials=5)
        """)
    ),
    "from a coroutine": Shape(
        top("""
        import asyncio
        async def main():
            study = optuna.create_study()
            await asyncio.to_thread(study.optimize, objective, n_trials=5)
            print(study.best_params)
        asyncio.run(main())
        """)
    ),
    "watched from outside": Shape(
        top("""
        import threading
        study = optuna.create_study()
        thread = threading.Thread(target=lambda: study.optimize(objective, n_trials=5), daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(0.01)
        """)
    ),
    # -- wrappers
    "a method called optimize": Shape(
        f"""
        from lab.tuner import Tuner
        {GUARD}
            print(Tuner().optimize())
        """,
        beside={
            "lab/__init__.py": "",
            "lab/tuner.py": """
        import optuna
        class Base:
            def make(self): return optuna.create_study(direction="maximize")
        class Tuner(Base):
            def objective(self, trial): return trial.suggest_float("x", 0, 2)
            def optimize(self):
                study = self.make()
                study.optimize(self.objective, n_trials=5)
                return study.best_params
        """,
        },
        directions=MAX,
    ),
    "a wrapper that passes on": Shape(
        top("""
        class Search:
            def __init__(self, **settings): self._study = optuna.create_study(**settings)
            def __enter__(self): return self
            def __exit__(self, *_): print("left")
            def __getattr__(self, name): return getattr(self._study, name)
        with Search(direction="maximize") as search:
            search.optimize(objective, n_trials=5)
        """),
        directions=MAX,
    ),
    "a study class of its own": Shape(
        top("""
        class Mine(optuna.Study):
            def optimize(self, func, **settings):
                super().optimize(func, **settings)
        made = optuna.create_study(study_name="mine")
        Mine("mine", made._storage).optimize(objective, n_trials=5)
        """)
    ),
    "an objective found by its name": Shape(
        """
        import importlib.util, sys, optuna
        spec = importlib.util.spec_from_file_location("objectives", sys.argv[1])
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        study = optuna.create_study(direction=module.GOAL)
        study.optimize(getattr(module, sys.argv[2]), n_trials=5)
        """,
        directions=MAX,
        argv=("lab.py", "second"),
        beside={"lab.py": "GOAL = 'maximize'\ndef second(t): return t.suggest_float('x', 0, 1)\n"},
    ),
    "without an end": Shape(
        top("""
        from optuna.terminator import TerminatorCallback
        study = optuna.create_study()
        study.optimize(objective, float("inf"), callbacks=[TerminatorCallback()])
        """),
        None,
    ),
    # -- studies that were made before
    "deleted first": Shape(
        top("""
        where = {"study_name": "mine", "storage": "sqlite:///mine.db"}
        try:
            optuna.delete_study(**where)
        except KeyError:
            pass
        study = optuna.create_study(direction="maximize", **where)
        study.optimize(objective, n_trials=5)
        """),
        directions=MAX,
    ),
    "loaded or made": Shape(
        top("""
        where = {"study_name": "mine", "storage": optuna.storages.RDBStorage(
            "sqlite:///mine.db", heartbeat_interval=60)}
        try:
            study = optuna.load_study(**where)
        except KeyError:
            study = optuna.create_study(direction="maximize", **where)
        study.optimize(objective, n_trials=5)
        """),
        directions=MAX,
    ),
    "copied": Shape(
        top("""
        old = {"study_name": "old", "storage": "sqlite:///old.db"}
        optuna.create_study(direction="maximize", **old)
        optuna.copy_study(from_study_name="old", from_storage=old["storage"],
                          to_study_name="new", to_storage="sqlite:///new.db")
        study = optuna.load_study(study_name="new", storage="sqlite:///new.db")
        study.optimize(objective, n_trials=5)
        """),
        directions=MAX,
    ),
    "from a pickle": Shape(
        top("""
        import pickle
        from optuna.distributions import FloatDistribution
        before = optuna.create_study(direction="maximize")
        before.add_trial(optuna.trial.create_trial(
            params={"x": 0.5}, distributions={"x": FloatDistribution(-4, 2)}, value=0.25))
        study = pickle.loads(pickle.dumps(before))
        study.optimize(objective, n_trials=5)
        """),
        directions=MAX,
    ),
}

REPEATED: dict[str, tuple[int | None, int | None]] = {
    "trial by trial": (20, 20),
    "until enough": (None, None),
    "in batches": (2, 25),
    "a step of a class": (3, 12),
    "one study in several threads": (None, None),
}
"""How often scripts optimize their first study, and with how many trials in all."""

OTHERS = ("lambda of a loop", "a study of each fold", "another sampler later")
"""Scripts that go on with another study, or with the same in another way."""


@dataclass(frozen=True)
class Refused:
    """A script that hptui cannot run as it stands, and what it says then."""

    shape: Shape
    sentence: str
    hint: str


PROCESSES = """
import multiprocessing, optuna
def work(n):
    study = optuna.load_study(study_name="d", storage="sqlite:///d.db")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=n)
if __name__ == "__main__":
    optuna.create_study(study_name="d", storage="sqlite:///d.db", load_if_exists=True)
    context = multiprocessing.get_context("START")
    process = context.Process(target=work, args=(3,))
    process.start()
    process.join()
    print(optuna.load_study(study_name="d", storage="sqlite:///d.db").trials)
"""
IN_PROCESSES = "Call study.optimize(objective, n_trials=...) once, in the script itself"
ARGUMENTS = "Pass its arguments after --: hptui run tune.py -- ARGUMENTS."

REFUSED: dict[str, Refused] = {
    "ask and tell": Refused(
        Shape("""
        import optuna
        study = optuna.create_study()
        for _ in range(5):
            trial = study.ask()
            study.tell(trial, trial.suggest_float("x", 0, 1))
        """),
        "tune.py asks for its trials itself (line 5: study.ask)",
        "call study.optimize(objective, n_trials=...) instead of the loop",
    ),
    "a study that is nowhere": Refused(
        Shape(
            top("""
        study = optuna.load_study(study_name="team", storage="sqlite:///team.db")
        study.optimize(objective, n_trials=5)
        """)
        ),
        "tune.py, line 6: there is no study 'team' in sqlite:///team.db, or it cannot be reached",
        "Replace load_study by optuna.create_study(direction=",
    ),
    "in forks": Refused(
        Shape(PROCESSES.replace("START", "fork")), "does not call study.optimize", IN_PROCESSES
    ),
    "in spawned processes": Refused(
        Shape(PROCESSES.replace("START", "spawn")), "does not call study.optimize", IN_PROCESSES
    ),
    "sent to processes": Refused(
        Shape(
            top(f"""
        from joblib import Parallel, delayed
        {GUARD}
            study = optuna.create_study()
            Parallel(n_jobs=2)(delayed(study.optimize)(objective, n_trials=2) for _ in range(2))
        """)
        ),
        "line 9: it sends its study to processes",
        IN_PROCESSES,
    ),
    "studies of several threads": Refused(
        Shape("""
        import optuna
        from concurrent.futures import ThreadPoolExecutor
        def tune(width):
            study = optuna.create_study(study_name=f"w{width}")
            study.optimize(lambda trial: trial.suggest_float("x", 0, width), n_trials=5)
            return study.best_params
        with ThreadPoolExecutor(3) as pool:
            print(list(pool.map(tune, [1, 2, 3])))
        """),
        "tune.py optimizes several studies at once, in threads (line 6)",
        "choose one by --study-of NAME",
    ),
    "a notebook's line": Refused(
        Shape("get_ipython().run_line_magic('matplotlib', 'inline')"),
        "line 1: NameError: name 'get_ipython' is not defined",
        "Only a notebook has get_ipython: remove this line",
    ),
    "asks for input": Refused(
        Shape("n = int(input('How many? '))"), "line 1: EOFError", "gets no input here. Pass its"
    ),
    "no study": Refused(
        Shape("import optuna\nprint(optuna.create_study().direction)"),
        "tune.py ended without calling study.optimize.",
        "Call study.optimize(objective, n_trials=...) in it",
    ),
    "optimizes when asked": Refused(
        Shape(
            top("""
        import sys
        if "--tune" in sys.argv:
            optuna.create_study().optimize(objective, n_trials=5)
        """)
        ),
        "tune.py ended without calling study.optimize.",
        f"The call is in line 8; reaching it may need arguments. {ARGUMENTS}",
    ),
    "arguments for argparse": Refused(
        Shape("""
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--width", required=True)
        parser.parse_args()
        """),
        "tune.py rejects its arguments. usage: tune.py [-h] --width WIDTH tune.py: error: the "
        "following arguments are required: --width",
        ARGUMENTS,
    ),
    "arguments for sys.argv": Refused(
        Shape("import sys\nwidth = float(sys.argv[1])"), "line 2: IndexError", ARGUMENTS
    ),
    "leaves with a text": Refused(
        Shape("import sys\nsys.exit('usage: tune.py WIDTH')"),
        "line 2: usage: tune.py WIDTH",
        ARGUMENTS,
    ),
    "leaves in silence": Refused(
        Shape("raise SystemExit"), "line 1: it exits here (exit code 0)", "study.optimize"
    ),
    "fails": Refused(
        Shape("import json\ndef read():\n    return json.loads('{')\nread()"),
        "tune.py, line 3: JSONDecodeError",
        "runs the script up to its call of study.optimize",
    ),
    "makes what is there": Refused(
        Shape("import os\nos.mkdir('.')"),
        "line 2: FileExistsError",
        "Each worker runs the script up to its call of study.optimize",
    ),
    "is not Python": Refused(Shape("x = (1\ndef f():"), "tune.py, line 1: SyntaxError", ""),
    "misses a package": Refused(
        Shape("import no_such_package"), "ModuleNotFoundError", "Python that has no_such_package"
    ),
}

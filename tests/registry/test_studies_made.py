"""What reading a script tells of the study that it makes, and where that is left open."""

from __future__ import annotations

import ast
import gc
import sys
import weakref
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from hptui.registry.catalogue import resolve
from hptui.registry.source.objective_source import candidate_in
from hptui.registry.source.studies_made import Script

if TYPE_CHECKING:
    from hptui.domain.objective import ObjectiveInfo

OBJECTIVE = "import optuna\ndef objective(trial):\n    return trial.suggest_float('x', 0, 1)\n"


def told(
    source: str, attribute: str = "objective", folder: Path = Path("nowhere")
) -> ObjectiveInfo:
    code = OBJECTIVE + dedent(source)
    return candidate_in(code.encode(), folder / "train.py", attribute).info


MAXIMIZED = {
    "a literal": "optuna.create_study(direction='maximize').optimize(objective)",
    "an alias": """
        from optuna import create_study as make
        make(direction='maximize')
        """,
    "an enum": """
        from optuna.study import StudyDirection
        study = optuna.create_study(direction=StudyDirection.MAXIMIZE)
        """,
    "an enum in a list": "optuna.create_study(directions=[optuna.study.StudyDirection.MAXIMIZE])",
    "a constant": "WAY = 'maximize'\noptuna.create_study(direction=WAY)",
    "on one line": "WAY = 'maximize'; optuna.create_study(direction=WAY)",
    "a conditional": """
        METRIC = "auc"
        WAY = "maximize" if METRIC in ("auc", "f1") else "minimize"
        def main():
            study = optuna.create_study(direction=WAY)
            study.optimize(objective)
        """,
    "branches": """
        METRIC = "neg_mse"
        WAY = "minimize"
        if METRIC.startswith("neg_"):
            WAY = "maximize"
        optuna.create_study(direction=WAY)
        """,
    "under the guard": """
        if __name__ == "__main__":
            WAY = "maximize"
            optuna.create_study(direction=WAY).optimize(objective)
        """,
    "a dict": """
        SETTINGS = {"study": {"direction": "maximize", "sampler": make_sampler()}}
        optuna.create_study(**SETTINGS["study"])
        """,
    "a call's dict": """
        given = dict(direction="maximize")
        optuna.create_study(**given, storage=URL)
        """,
    "an enum of its own": """
        class Goal(str, Enum):
            BEST = "maximize"
        optuna.create_study(direction=Goal.BEST.value)
        """,
    "a class": """
        class Tuner:
            direction = "maximize"
            def run(self):
                self.study = optuna.create_study(direction=self.direction)
                self.study.optimize(objective)
        """,
    "a parameter": """
        def make(way="minimize"):
            return optuna.create_study(direction=way)
        def main():
            make("maximize").optimize(objective)
        """,
    "a parameter handed on": """
        def make(way, **more):
            return optuna.create_study(direction=way)
        def main(goal):
            study = make(way=goal)
            study.optimize(objective)
        main("maximize")
        """,
    "a function": """
        def way_of(metric):
            if metric == "loss":
                return "minimize"
            return "maximize"
        optuna.create_study(direction=way_of("auc"))
        """,
    "a list repeated": "optuna.create_study(directions=('maximize',) * 1)",
    "lists put together": "W = ['maximize']\noptuna.create_study(directions=W + [] * 3)",
    "keywords handed on": """
        def make(**kw):
            kw["storage"] = URL
            return optuna.create_study(**kw)
        make(direction="maximize").optimize(objective)
        """,
    "packed keywords handed on": """
        def make(name, **kw):
            return optuna.create_study(study_name=name, **kw)
        make("a", **{"direction": "maximize"}).optimize(objective)
        """,
    "the default of an object": """
        class Tuner:
            def __init__(self, direction="maximize"):
                self.direction = direction
            def run(self):
                optuna.create_study(direction=self.direction).optimize(objective)
        class Other:
            def __init__(self):
                self.direction = "left"
        Tuner().run()
        """,
    "an argument of an object": """
        class Tuner:
            def __init__(self, direction="minimize"):
                self.direction: str = direction
            def run(self):
                optuna.create_study(direction=self.direction).optimize(objective)
        if __name__ == "__main__":
            Tuner("maximize").run()
        """,
    "a field's default": """
        @dataclass
        class Config:
            trials: int = 3
            direction: str = "maximize"
        config = Config(trials=9)
        def main():
            optuna.create_study(direction=config.direction).optimize(objective)
        main()
        """,
    "a field": """
        @dataclass
        class Tuner:
            direction: str = field(default="minimize")
            def run(self):
                optuna.create_study(direction=self.direction).optimize(objective)
        Tuner("maximize").run()
        """,
    "an object among others": """
        class Tuner(BaseTuner):
            def __init__(self, direction="maximize"):
                self.direction = direction
            def run(self):
                optuna.create_study(direction=self.direction).optimize(objective)
        name = "a-b".replace("-", "_")
        Tuner().run()
        """,
    "a method's argument": """
        class Tuner:
            def run(self, way="minimize"):
                optuna.create_study(direction=way).optimize(objective)
        tuner = Tuner()
        tuner.run("maximize")
        """,
    "a list of one": """
        for way in ["maximize"]:
            optuna.create_study(direction=way).optimize(objective)
        """,
    "the environment's default": """
        import os
        WAY = os.environ.get("WAY", "maximize")
        optuna.create_study(direction=WAY)
        """,
    "another way to the environment": """
        from os import getenv
        optuna.create_study(direction=getenv("WAY", default="maximize"))
        """,
    "without keywords": """
        optuna.create_study("sqlite:///o.db", None, None, "name", "maximize").optimize(objective)
        """,
    "an item set": """
        settings = {"storage": URL}
        settings["direction"] = "maximize"
        settings.update(study_name="s")
        optuna.create_study(**settings)
        """,
    "defaults that nobody changes": """
        def main(way="maximize"):
            optuna.create_study(direction=way).optimize(objective)
        """,
    "a program's defaults": """
        import typer
        def main(way: str = "maximize"):
            optuna.create_study(direction=way).optimize(objective)
        typer.run(main)
        """,
    "argparse": """
        def parse():
            parser = argparse.ArgumentParser()
            parser.add_argument("-d", "--study-direction", default="maximize", type=str)
            return parser.parse_args()
        def main(args):
            optuna.create_study(direction=args.study_direction).optimize(objective)
        if __name__ == "__main__":
            main(parse())
        """,
    "a flag of argparse": """
        parser = argparse.ArgumentParser()
        parser.add_argument("--minimize", action="store_true")
        args = parser.parse_args()
        optuna.create_study(direction="minimize" if args.minimize else "maximize")
        """,
    "click": """
        @click.command()
        @click.option("-d", "--direction", default="maximize")
        def main(direction):
            optuna.create_study(direction=direction).optimize(objective)
        if __name__ == "__main__":
            main()
        """,
    "a default where the environment has nothing": """
        import os
        optuna.create_study(direction=os.environ.get("NO_SUCH_WAY") or "maximize")
        """,
    "several variables at once": """
        way, trials = "maximize", 50
        optuna.create_study(direction=way).optimize(objective, n_trials=trials)
        """,
    "a parameter that is replaced": """
        def make(way=None, **kw):
            way = way or "maximize"
            kw = {"direction": way, **kw}
            return optuna.create_study(**kw)
        make(study_name="s").optimize(objective)
        """,
    "a set": """
        METRIC = "auc"
        optuna.create_study(direction="maximize" if METRIC in {"auc"} else "minimize")
        """,
    "an enum of another name": """
        from optuna.study import StudyDirection as Way
        optuna.create_study(direction=Way.MAXIMIZE)
        """,
    "a variable that changes later": """
        WAY = "maximize"
        def make():
            return optuna.create_study(direction=WAY)
        make().optimize(objective)
        WAY = "minimize"
        """,
    "a function among methods of its name": """
        from optuna import create_study
        class Other:
            def way(self): return "minimize"
        class Tuner:
            def create_study(self):
                return create_study(direction=way())
            def run(self):
                self.create_study().optimize(objective)
        def way(): return "maximize"
        Tuner().run()
        """,
    "an objective that runs itself": """
        class Objective:
            def __call__(self, trial): return 1.0
            def run(self):
                optuna.create_study(direction="maximize").optimize(self)
        objective = Objective()
        objective.run()
        """,
    "a function around the objective": """
        def guarded(trial):
            return objective(trial)
        optuna.create_study(direction="maximize").optimize(guarded)
        """,
    "both ways alike": """
        import sys
        WAY = "maximize" if sys.argv[1:] else "maximize"
        optuna.create_study(direction=WAY)
        """,
    "resumed": """
        try:
            study = optuna.load_study(study_name="s", storage=URL)
        except KeyError:
            study = optuna.create_study(study_name="s", storage=URL, direction="maximize")
        study.optimize(objective)
        """,
    "an other study elsewhere": """
        def other(trial): return 1.0
        optuna.create_study(direction="minimize").optimize(other)
        study = optuna.create_study(direction="maximize")
        run = lambda trial: objective(trial)
        study.optimize(run, n_trials=3)
        """,
}


@pytest.mark.parametrize("how", MAXIMIZED)
def test_a_direction_that_reading_decides_is_taken(how: str) -> None:
    info = told(MAXIMIZED[how])
    assert (info.directions, info.doubt) == (("maximize",), "")


LEFT_OPEN = {
    "an argument": ("optuna.create_study(direction=args.direction)", "line 4"),
    "the environment": (
        "import os\nWAY = os.environ['WAY']\noptuna.create_study(direction=WAY)",
        "line 6",
    ),
    "packed": ("optuna.create_study(**settings)", "line 4"),
    "changed in between": (
        "S = {'direction': 'minimize'}\nS['direction'] = way()\noptuna.create_study(**S)",
        "line 6",
    ),
    "set by a function": (
        "WAY = 'minimize'\ndef f():\n    global WAY\n    WAY = 'maximize'\nf()\n"
        "optuna.create_study(direction=WAY)",
        "line 9",
    ),
    "a parameter nobody gives": ("def f(way):\n    optuna.create_study(direction=way)", "line 5"),
    "two calls": (
        "def f(way):\n    optuna.create_study(direction=way).optimize(objective)\n"
        "f('minimize')\nf('maximize')",
        "different directions: minimize (line 5); maximize (line 5)",
    ),
    "two studies": (
        "optuna.create_study(direction='maximize')\noptuna.create_study()",
        "different directions: maximize (line 4); minimize (line 5)",
    ),
    "two objectives once": (
        "optuna.create_study(directions=['maximize', 'minimize'])\noptuna.create_study()",
        "maximize, minimize (line 4); minimize (line 5)",
    ),
    "an item set in a loop": (
        "S = {'direction': 'minimize'}\nfor each in read():\n    S['direction'] = each\n"
        "optuna.create_study(**S)",
        "line 7",
    ),
    "an item taken out": (
        "S = {'direction': 'maximize'}\nway = S.pop('direction')\noptuna.create_study(**S)",
        "line 6",
    ),
    "several of a list": (
        "for way in ['minimize', 'maximize']:\n    optuna.create_study(direction=way)",
        "line 5",
    ),
    "objects of two kinds": (
        "class T:\n    def __init__(self, way='minimize'):\n        self.way = way\n"
        "    def run(self):\n        optuna.create_study(direction=self.way)\n"
        "T().run()\nT('maximize').run()",
        "line 8",
    ),
    "an object of a kind of its own": (
        "class T:\n    def __init__(self, way='minimize'):\n        self.way = way\n"
        "    def run(self):\n        optuna.create_study(direction=self.way)\n"
        "class S(T): ...\nS('maximize').run()",
        "line 8",
    ),
    "an object that its class makes": (
        "class T:\n    def __init__(self, way='minimize'):\n        self.way = way\n"
        "    @classmethod\n    def make(cls): return cls('maximize')\n"
        "    def run(self):\n        optuna.create_study(direction=self.way)\n"
        "T.make().run()",
        "line 10",
    ),
    "an object that is changed": (
        "class T:\n    def __init__(self, way='minimize'):\n        self.way = way\n"
        "t = T()\nt.way = 'maximize'\noptuna.create_study(direction=t.way)",
        "line 9",
    ),
    "a function handed on": (
        "def main(way='minimize'):\n    optuna.create_study(direction=way)\n"
        "pool.map(main, ['maximize'])",
        "line 5",
    ),
    "keywords of others handed on": (
        "def make(**kw):\n    return optuna.create_study(**kw)\nmake(**read())",
        "line 5",
    ),
    "a method that gets more": (
        "class T:\n    def run(self, way='minimize'):\n"
        "        optuna.create_study(direction=way)\nT().run(read())",
        "line 6",
    ),
    "argparse without a default": (
        "p = argparse.ArgumentParser()\np.add_argument('--way')\nargs = p.parse_args()\n"
        "optuna.create_study(direction=args.way)",
        "line 7",
    ),
    "argparse that must be told": (
        "p = argparse.ArgumentParser()\np.add_argument('way', default='minimize')\n"
        "args = p.parse_args()\noptuna.create_study(direction=args.way)",
        "line 7",
    ),
    "argparse of a list": (
        "p = argparse.ArgumentParser()\np.add_argument('--way', default='minimize')\n"
        "args = p.parse_args(['--way', 'maximize'])\noptuna.create_study(direction=args.way)",
        "line 7",
    ),
    "an argument that is changed": (
        "p = argparse.ArgumentParser()\np.add_argument('--way', default='minimize')\n"
        "args = p.parse_args()\nargs.way = 'maximize'\n"
        "optuna.create_study(direction=args.way)",
        "line 8",
    ),
    "click without a default": (
        "@click.option('--way')\ndef main(way):\n    optuna.create_study(direction=way)\nmain()",
        "line 6",
    ),
    "argparse of other defaults": (
        "p = argparse.ArgumentParser()\np.add_argument('--way', default='minimize')\n"
        "p.set_defaults(**read())\nargs = p.parse_args()\n"
        "optuna.create_study(direction=args.way)",
        "line 8",
    ),
    "argparse of a list by its name": (
        "p = argparse.ArgumentParser()\np.add_argument('--way', default='minimize')\n"
        "args = p.parse_args(args=['--way', 'maximize'])\n"
        "optuna.create_study(direction=args.way)",
        "line 7",
    ),
    "arguments that are set by their names": (
        "p = argparse.ArgumentParser()\np.add_argument('--way', default='minimize')\n"
        "args = p.parse_args()\nfor key in more:\n    setattr(args, key, more[key])\n"
        "optuna.create_study(direction=args.way)",
        "line 9",
    ),
    "click that reads the environment": (
        "@click.option('--way', default='minimize', envvar='WAY')\ndef main(way):\n"
        "    optuna.create_study(direction=way)\nmain()",
        "line 6",
    ),
    "an environment that the script sets": (
        "import os\nos.environ['W'] = 'maximize'\n"
        "optuna.create_study(direction=os.getenv('W', 'minimize'))",
        "line 6",
    ),
    "an environment from a file": (
        "import os\nfrom dotenv import load_dotenv\nload_dotenv()\n"
        "optuna.create_study(direction=os.getenv('W', 'minimize'))",
        "line 7",
    ),
    "an attribute of a class that is set": (
        "class C:\n    way = 'minimize'\nC.way = 'maximize'\noptuna.create_study(direction=C.way)",
        "line 7",
    ),
    "an attribute that a base may set": (
        "class C(Settings):\n    way: str = 'minimize'\nc = C()\n"
        "optuna.create_study(direction=c.way)",
        "line 7",
    ),
    "an attribute set without its name": (
        "class C:\n    way = 'minimize'\n    def __init__(self): self.__dict__.update(read())\n"
        "c = C()\noptuna.create_study(direction=c.way)",
        "line 8",
    ),
    "a default that a decorator may give": (
        "@gin.configurable\ndef make(way='minimize'):\n"
        "    return optuna.create_study(direction=way)\nmake().optimize(objective)",
        "line 6",
    ),
    "an item that a function sets": (
        "S = {'direction': 'minimize'}\ndef f():\n    S['direction'] = 'maximize'\nf()\n"
        "optuna.create_study(**S)",
        "line 8",
    ),
    "an item that a function sets in what it is given": (
        "S = {'direction': 'minimize'}\ndef f(s):\n    s['direction'] = 'maximize'\nf(S)\n"
        "optuna.create_study(**S)",
        "line 8",
    ),
    "a variable around that a function sets": (
        "def main():\n    way = 'minimize'\n    def f():\n        nonlocal way\n"
        "        way = 'maximize'\n    f()\n    optuna.create_study(direction=way)\nmain()",
        "line 10",
    ),
    "a variable set without its name": (
        "W = 'minimize'\nglobals()['W'] = 'maximize'\noptuna.create_study(direction=W)",
        "line 6",
    ),
    "a variable that a condition sets": (
        "W = 'minimize'\nif (W := read()):\n    pass\noptuna.create_study(direction=W)",
        "line 7",
    ),
    "a variable that a block sets": (
        "W = 'minimize'\nwith read() as W:\n    optuna.create_study(direction=W)",
        "line 6",
    ),
    "a parameter of a lambda": (
        "W = 'minimize'\nmake = lambda W: optuna.create_study(direction=W)\n"
        "make('maximize').optimize(objective)",
        "line 5",
    ),
    "a variable of a comprehension": (
        "W = 'minimize'\nall = [optuna.create_study(direction=W) for W in read()]",
        "line 5",
    ),
    "a method that a class of it replaces": (
        "class T:\n    def way(self): return 'minimize'\n"
        "    def make(self): return optuna.create_study(direction=self.way())\n"
        "class S(T):\n    def way(self): return 'maximize'\nS().make().optimize(objective)",
        "line 6",
    ),
    "a call with arguments kept": (
        "make = partial(optuna.create_study, direction='maximize')\nmake().optimize(objective)",
        "line 4",
    ),
    "an own function with arguments kept": (
        "def make(way='minimize'):\n    return optuna.create_study(direction=way)\nmake()\n"
        "other = partial(make, 'maximize')\nother().optimize(objective)",
        "line 5",
    ),
    "found by its name": (
        "study = getattr(optuna, 'create_study')(direction='maximize')\nstudy.optimize(objective)",
        "line 4",
    ),
    "made where the objective looks, too": (
        "def make():\n    return optuna.create_study(direction='maximize')\n"
        "def objective(trial):\n    return make().best_value\nmake().optimize(objective)",
        "line 8",
    ),
    "another create_study": ("from lab import create_study\ncreate_study()", "line 5"),
    "loaded": ("optuna.load_study(study_name='s', storage=URL)", "loads a study"),
    "opened": ("optuna.study.Study('s', URL).optimize(objective)", "loads a study"),
    "made by others": ("import lab\nstudy = lab.make()\nstudy.optimize(objective)", "line 5"),
}


@pytest.mark.parametrize("how", LEFT_OPEN)
def test_a_direction_that_reading_does_not_decide_is_left_open(how: str) -> None:
    source, reason = LEFT_OPEN[how]
    assert reason in told(source).doubt


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def tune(study):\n    study.optimize(objective)",
        # An inner study, and one in what the objective calls.
        "def objective(trial):\n    return inner(trial.number)\n"
        "def inner(number):\n    study = optuna.create_study(direction=WAY)\n    return 1.0",
        "class Objective:\n    def __call__(self, trial):\n        optuna.create_study(**more)",
        # Not Optuna's.
        "def create_study(direction): ...\ncreate_study(direction=WAY)",
        "from school import Study\nStudy(direction='maximize')",
    ],
)
def test_a_file_that_makes_no_study_for_it_is_minimized(source: str) -> None:
    info = told(source)
    assert (info.directions, info.doubt) == (("minimize",), "")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    files = {
        "pkg/__init__.py": "from .making import make_study\n",
        "pkg/config.py": "WAY = 'maximize'\n",
        "pkg/making.py": """
            import optuna
            from . import config
            def make_study(way=config.WAY, storage=None):
                return optuna.create_study(direction=way, storage=storage)
            def from_outside(url):
                return optuna.create_study(**read(url))
            STUDY = make_study()
            """,
        "pkg/tune.py": OBJECTIVE
        + "from .making import make_study\nmake_study().optimize(objective)",
        "pkg/objectives.py": OBJECTIVE,
        "raises.py": "raise SystemExit('this must not be run')\nWAY = 'maximize'\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text))
    return tmp_path


@pytest.mark.parametrize(
    "source",
    [
        "from pkg.making import make_study\nmake_study(storage=URL).optimize(objective)",
        "import pkg.making as m\nstudy = m.make_study()\nstudy.optimize(objective)",
        "from pkg import make_study\nmake_study().optimize(objective)",
        "from pkg.making import STUDY\nSTUDY.optimize(objective)",
        "from pkg import config\noptuna.create_study(direction=config.WAY)",
        "from raises import WAY\noptuna.create_study(direction=WAY)",
        "from raises import *\nfrom pkg.config import WAY\noptuna.create_study(direction=WAY)",
    ],
)
def test_what_a_file_imports_from_its_own_folder_is_read(source: str, project: Path) -> None:
    info = told(source, folder=project)
    assert (info.directions, info.doubt) == (("maximize",), "")


@pytest.mark.parametrize(
    ("source", "helper", "line"),
    [
        ("import helper\nhelper.WAY = 'maximize'\nMAKE(helper.WAY)", "WAY = 'minimize'", 6),
        (
            "import helper\nhelper.S['direction'] = 'maximize'\nMAKE(helper.S['direction'])",
            "S = {'direction': 'minimize'}",
            6,
        ),
        (
            "from helper import S\nS['direction'] = 'maximize'\nMAKE(S['direction'])",
            "S = {'direction': 'minimize'}",
            6,
        ),
        (
            "try:\n    from helper import WAY\n"
            "except ImportError:\n    WAY = 'minimize'\nMAKE(WAY)",
            "WAY = 'maximize'",
            8,
        ),
        ("WAY = 'minimize'\nfrom helper import *\nMAKE(WAY)", "WAY = 'maximize'", 0),
        (
            "from helper import *\nmake().optimize(objective)",
            "import optuna\ndef make(): return optuna.create_study(direction='maximize')",
            0,
        ),
        (
            "from helper import read\nargs = read()\nargs.way = 'maximize'\nMAKE(args.way)",
            "def read():\n    p = argparse.ArgumentParser()\n"
            "    p.add_argument('--way', default='minimize')\n    return p.parse_args()",
            7,
        ),
        (
            "from helper import change\nclass C:\n    way = 'minimize'\nc = C()\nchange(c)\n"
            "MAKE(c.way)",
            "def change(c): c.way = 'maximize'",
            9,
        ),
    ],
)
def test_what_another_module_sets_is_never_taken_for_what_it_was(
    source: str, helper: str, line: int, project: Path
) -> None:
    (project / "helper.py").write_text(helper)
    made = source.replace("MAKE(", "optuna.create_study(direction=")
    info = told(made, folder=project)
    if line:
        assert f"(line {line})" in info.doubt
    else:
        assert (info.directions, info.doubt) == (("maximize",), "")


def test_a_study_of_a_base_in_another_module_is_found(project: Path) -> None:
    (project / "base.py").write_text(
        "import optuna\nclass Base:\n    way = 'minimize'\n    def run(self):\n"
        "        optuna.create_study(direction=self.way).optimize(self.function)\n"
    )
    (project / "mid.py").write_text("from base import Base\nclass Mid(Base):\n    way = 'maximize'")
    source = "from mid import Mid\nMid(objective).run()"
    assert "(base.py, line 5)" in told(source, folder=project).doubt


def test_a_study_that_a_helper_makes_of_what_it_reads_is_left_open(project: Path) -> None:
    source = "from pkg.making import from_outside\nfrom_outside(URL).optimize(objective)"
    assert "(making.py, line 7)" in told(source, folder=project).doubt
    assert "(making.py, line 7)" in told(source, folder=project).doubt


def test_an_objective_is_known_by_its_own_script_wherever_it_stands(project: Path) -> None:
    assert resolve("pkg/tune.py", project).info.directions == ("maximize",)
    assert resolve("pkg.tune:objective", project).info.directions == ("maximize",)
    script = project / "script.py"
    script.write_text(
        "import optuna\nfrom pkg.objectives import objective as score\n"
        "optuna.create_study(direction='maximize').optimize(score)\n"
    )
    assert resolve("script.py:score", project).info.directions == ("maximize",)
    # The file that it is imported from has no study.
    assert resolve("pkg/objectives.py", project).info.directions == ("minimize",)
    script.write_text("from pkg.tune import objective\n")
    assert resolve("script.py", project).info.directions == ("maximize",)


def test_what_is_installed_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    installed = tmp_path / "venv/site-packages"
    installed.mkdir(parents=True)
    (installed / "lab.py").write_text("def make():\n    return optuna.create_study()\n")
    monkeypatch.setattr(sys, "path", [str(installed), *sys.path])
    info = told("import lab\nlab.make().optimize(objective)", folder=tmp_path)
    assert "only running it tells" in info.doubt


def test_a_default_that_the_environment_replaces_is_left_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = "import os\noptuna.create_study(direction=os.environ.get('WAY', 'maximize'))"
    monkeypatch.setenv("WAY", "minimize")
    assert "line 5" in told(source).doubt
    monkeypatch.setenv("WAY", "maximize")
    assert told(source).directions == ("maximize",)


def test_a_reading_keeps_no_syntax_tree() -> None:
    code = OBJECTIVE + "WAY = 'maximize'\noptuna.create_study(direction=WAY)"
    tree = ast.parse(code)
    gone = weakref.ref(tree.body[0])
    assert Script(tree, Path("train.py"), ["objective"]).verdict("objective").directions
    del tree
    gc.collect()
    assert gone() is None


def test_code_that_grows_without_end_is_given_up(tmp_path: Path) -> None:
    lines = ["v0 = ['maximize']"]
    lines += [f"v{n} = v{n - 1} if v{n - 1} == v{n - 1} else v{n - 1}" for n in range(1, 60)]
    source = "\n".join([*lines, "optuna.create_study(directions=v59)"])
    assert "only running it tells" in told(source, folder=tmp_path).doubt
    around = "def a(): return b()\ndef b(): return a()\noptuna.create_study(direction=a())"
    assert "only running it tells" in told(around, folder=tmp_path).doubt


def test_what_a_script_sets_besides_is_named_with_its_line_and_option() -> None:
    info = told("""
        def main():
            sampler = optuna.samplers.NSGAIISampler(constraints_func=allowed)
            study = optuna.create_study(
                sampler=sampler,
                pruner=optuna.pruners.HyperbandPruner(),
            )
            study.set_metric_names(["loss"])
            study.enqueue_trial({"x": 1})
            study.add_trials(earlier)
            study.optimize(objective, 50, timeout=600, callbacks=[keep])
        """)
    assert [each.text for each in info.settings] == [
        "a sampler (NSGAIISampler, line 6; --sampler nsgaii)",
        "constraints (line 6)",
        "a pruner (HyperbandPruner, line 9; --pruner hyperband)",
        "names of metrics (line 11)",
        "enqueued trials (line 12; --enqueue)",
        "added trials (line 13)",
        "n_trials (50, line 14; --trials 50)",
        "timeout (600, line 14; --timeout 600s)",
        "callbacks (line 14)",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "optuna.create_study(sampler=optuna.samplers.TPESampler(), pruner=None)",
        "optuna.create_study().optimize(objective, n_trials=None, callbacks=None)",
        # Those of an inner study.
        "def objective(trial):\n    study = optuna.create_study(sampler=RandomSampler())\n"
        "    study.enqueue_trial({})\n    study.optimize(inner, n_trials=9)\n    return 1.0",
        # Those of the study of another objective.
        "def other(trial): return 1.0\noptuna.create_study().optimize(objective)\n"
        "optuna.create_study(sampler=Mine()).optimize(other, n_trials=3)",
    ],
)
def test_nothing_is_named_that_is_usual_or_not_the_objectives_own(source: str) -> None:
    assert told(source).settings == ()


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("def objective(trial): return 1, 2", 2),
        ("objective = lambda trial: [1, 2, 3]", 3),
        ("def objective(trial):\n    if trial.number: return 0, 1\n    return 1, 2", 2),
        ("def objective(trial):\n    def inner(): return 1\n    return 1, inner()", 2),
        (
            "class Objective:\n    def __call__(self, trial): return 1, 2\nobjective = Objective()",
            2,
        ),
        ("def objective(trial): return 1", None),
        ("def objective(trial):\n    if trial.number: return 0\n    return 1, 2", None),
        ("def objective(trial): return 1, *rest", None),
        ("@wrapped\ndef objective(trial): return 1, 2", None),
    ],
)
def test_the_number_of_values_is_told_by_what_is_returned(source: str, count: int | None) -> None:
    assert told(source).n_values == count


def test_a_decorator_of_others_may_pass_what_is_missing() -> None:
    found = candidate_in(
        b"@with_data\ndef objective(trial, rows): return 1", Path("a.py"), "objective"
    )
    assert found.problem == ""

"""Makes the README's pictures: `python -m tests.pictures` plays the application on real runs.

`python -m tests.pictures views` makes those of one script alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.pictures.moving import Shown, moving_picture

PICTURES = Path(__file__).parents[2] / "tui" / "pictures"
HPTUI = (sys.executable, "-m", "hptui")
# The theme's own fonts suffice; a picture must not load anything from elsewhere.
_FONT = re.compile(r"@font-face \{.*?\n    \}\n", re.DOTALL)

RUNS = (
    ("wine-pipeline", "--trials", "60", "--seed", "1"),
    ("digits-forest", "--trials", "40", "--seed", "1"),
    ("branin", "--trials", "150", "--seed", "1", "--study", "branin-cma", "--sampler", "cmaes"),
    ("digits-sgd", "--trials", "50", "--seed", "1"),
)

# Those of a picture alone: the list of studies is not to be full of them.
MORE_RUNS = {
    "compare": tuple(
        ("hartmann6", "--trials", "90", "--seed", "4", "--study", name, "--sampler", sampler)
        for name, sampler in (("random", "random"), ("tpe", "tpe"), ("cmaes", "cmaes"))
    ),
    "front": (("digits-forest", "--trials", "80", "--seed", "3", "--study", "forest"),),
    "views": (("digits-mlp", "--trials", "60", "--jobs", "2", "--seed", "2", "--study", "mlp"),),
}

SCRIPTS = {
    "home": """
        wait "digits-sgd" 30s
        wait "complete" 30s
        screenshot home.svg
    """,
    "setup": """
        wait "digits-sgd" 30s
        press n
        wait "Choose an objective" 10s
        type digits-svc
        press enter
        wait "gamma" 60s
        press down l =
        type 10
        press enter
        wait "fixed" 10s
        screenshot setup.svg
    """,
    "study": """
        wait "digits-sgd" 30s
        press n
        wait "Choose an objective" 10s
        type digits-mlp
        press enter
        wait "batch_size" 60s
        press F5
        # The bar stays: what comes and goes could be missed while the screen is busy.
        wait "━━━━━━━━━" 200s
        wait "at step" 30s
        screenshot study.svg
        press g
        wait "#0 ─" 10s
        press enter
        wait "activation" 10s
        wait "median" 10s
        screenshot trial.svg
        press escape
        press q
        press s
    """,
    "compare": """
        wait "random" 30s
        press slash
        type hartmann6
        press enter
        press space j space j space
        wait "3 marked"
        press c
        wait "to reach" 30s
        screenshot compare.svg
    """,
    "front": """
        wait "forest" 60s
        press slash
        type forest
        wait "digits-forest" 10s
        press enter
        press enter
        wait "All 80" 60s
        press 9
        wait "on the front" 60s
        press l
        wait "log axes" 10s
        press tab
        press left left left left left left left left
        screenshot view-front.svg
    """,
    "views": """
        wait "mlp" 60s
        press slash
        type mlp
        press enter
        wait "mlp" 10s
        press enter
        wait "All 60" 60s
        press 2
        wait "median of complete" 60s
        screenshot view-curves.svg
        press 3
        wait "PED-ANOVA" 60s
        wait "█" 60s
        screenshot view-importance.svg
        press 4
        wait "parameters, h chooses" 60s
        press tab right
        screenshot view-slice.svg
        press h
        wait "What the view shows" 10s
        screenshot view-choices.svg
        press escape
        press 5
        wait "↑ " 60s
        screenshot view-contour.svg
        press 6
        wait "worst " 60s
        screenshot view-parallel.svg
        press 7
        wait "half at most" 60s
        screenshot view-edf.svg
        press 8
        wait "busy" 60s
        screenshot view-timeline.svg
    """,
}


OBJECTIVE = '''"""A stand-in for a training: its loss falls as the sampler learns."""

import math
import random
import time
from pathlib import Path

PICTURES = Path(__file__).parent


def train(trial):
    rate = math.log10(trial.suggest_float("lr", 1e-5, 1.0, log=True))
    width = trial.suggest_int("width", 16, 512, log=True)
    dropout = trial.suggest_float("dropout", 0.0, 0.6)
    loss = 0.21 + 0.06 * (rate + 2.4) ** 2 + 0.02 * (math.log2(width) - 7) ** 2
    loss += (dropout - 0.2) ** 2 + random.uniform(0, 0.02)
    for epoch in range(20):
        # The run goes on no further than pictures have been taken.
        while epoch == 9 and len(list(PICTURES.glob("*.svg"))) < trial.number // 5 - 1:
            time.sleep(0.02)
        trial.report(loss + 0.6 * math.exp(-epoch / 3), epoch)
    return loss
'''

# What is done before each picture of the one that moves, and for how many seconds it is seen.
SESSION: tuple[tuple[str, float], ...] = (
    ('wait " 10/150" 60s', 1.2),
    *((f'wait " {count}/150" 60s', 0.7) for count in (15, 20, 25, 30, 35, 40)),
    ('press 4\nwait "lr, log" 60s\nwait " 45/150" 60s', 1.6),
    ('press B\nwait "enter fixes"', 1.2),
    ("press left left left left", 0.5),
    ("press down down down", 0.5),
    ('press enter\nwait "enter takes it"', 0.6),
    ("press right right right right", 0.4),
    ("press right right right right", 0.4),
    ("press right right right", 0.4),
    ("press down down down down down down", 1.6),
    ('press enter\nwait "bounds of the space" 60s', 2.0),
    ('press b\nwait "set aside once applied" 60s', 3.0),
    ('press F5\nwait "set aside." 60s', 1.8),
    ('press 1\nwait "history" 60s\nwait " 105/150" 60s', 0.8),
    *((f'wait " {count}/150" 60s', 0.7) for count in range(110, 146, 5)),
    ('wait "All trials of this run have ended." 60s', 3.5),
)


def main() -> None:
    """Run some studies and take the pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "studies").mkdir()
        environment = {key: os.environ[key] for key in os.environ if key != "HPTUI_STUDIES"}
        # How panes were arranged before is no part of a picture.
        environment["XDG_STATE_HOME"] = str(folder / "state")
        chosen = sys.argv[1:] or [*SCRIPTS, "session"]

        def run(arguments: tuple[str, ...]) -> None:
            subprocess.run(
                [*HPTUI, "run", *arguments, "--quiet"], cwd=folder, env=environment, check=True
            )

        for arguments in RUNS if set(chosen) - {"views", "front", "session"} else ():
            run(arguments)
        for title, script in SCRIPTS.items():
            if title not in chosen:
                continue
            for arguments in MORE_RUNS.get(title, ()):
                run(arguments)
            steps = "\n".join(line.strip() for line in script.strip().splitlines())
            subprocess.run(
                [*HPTUI, "drive", "-", "--size", "120x34"],
                input=steps,
                text=True,
                cwd=folder,
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
            )
            print(title)
        if "session" in chosen:
            (PICTURES / "session.svg").write_text(_session(folder, environment), "utf-8")
            print("session")
        for picture in folder.glob("*.svg"):
            text = _FONT.sub("", picture.read_text("utf-8"))
            (PICTURES / picture.name).write_text(text, "utf-8")


def _session(folder: Path, environment: dict[str, str]) -> str:
    """Return the picture that moves: a run, and a region of it that becomes its bounds."""
    place = folder / "session"
    (place / "studies").mkdir(parents=True)
    (place / "tune.py").write_text(OBJECTIVE, "utf-8")
    options = ["--study", "net", "--trials", "150", "--jobs", "2", "--seed", "3", "--detach"]
    started = [*HPTUI, "run", "tune.py:train", *options]
    subprocess.run(started, cwd=place, env=environment, check=True, stdout=subprocess.DEVNULL)
    steps = [f"{step}\nscreenshot {at}.svg" for at, (step, _) in enumerate(SESSION)]
    subprocess.run(
        [*HPTUI, "drive", "-", "studies/net.db", "--size", "104x32"],
        input="\n".join(steps),
        text=True,
        cwd=place,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    shown = [
        Shown((place / f"{at}.svg").read_text("utf-8"), seconds)
        for at, (_, seconds) in enumerate(SESSION)
    ]
    title = "A run starts, a region is marked and becomes the bounds, and the best falls"
    return moving_picture(shown, title=title)


if __name__ == "__main__":
    main()

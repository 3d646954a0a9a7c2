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

PICTURES = Path(__file__).parents[2] / "tui" / "pictures"
HPTUI = (sys.executable, "-m", "hptui")
# The theme's own fonts suffice; a picture must not load anything from elsewhere.
_FONT = re.compile(r"@font-face \{.*?\n    \}\n", re.DOTALL)

RUNS = (
    ("wine-pipeline", "--trials", "60", "--seed", "1"),
    ("digits-forest", "--trials", "40", "--seed", "1"),
    ("branin", "--trials", "120", "--seed", "1", "--study", "branin-cma", "--sampler", "cmaes"),
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


def main() -> None:
    """Run some studies and take the pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "studies").mkdir()
        environment = {key: os.environ[key] for key in os.environ if key != "HPTUI_STUDIES"}
        # How panes were arranged before is no part of a picture.
        environment["XDG_STATE_HOME"] = str(folder / "state")
        chosen = sys.argv[1:] or list(SCRIPTS)

        def run(arguments: tuple[str, ...]) -> None:
            subprocess.run(
                [*HPTUI, "run", *arguments, "--quiet"], cwd=folder, env=environment, check=True
            )

        for arguments in RUNS if set(chosen) - {"views", "front"} else ():
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
        for picture in folder.glob("*.svg"):
            text = _FONT.sub("", picture.read_text("utf-8"))
            (PICTURES / picture.name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()

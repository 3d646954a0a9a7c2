"""Study files whose every text would do harm to a terminal, to markup or to a layout."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final

from tests.storage.study_file import FLOAT, StudyFile

from hptui.engine.recovery.lease import folder_of

if TYPE_CHECKING:
    from pathlib import Path

MARK: Final = "[b]m"
"""What each text begins with: where it is read as markup, the brackets are gone."""
TEXTS: Final = (
    f"{MARK}\x1b]52;c;aGk=\x07\x1b[2J\x9b1m",
    f"{MARK}[/b] [@click=app.exit]y[/] [red",
    f"{MARK}[/nothing]",
    f"{MARK}{'a' * 10_000}",
    f"{MARK}\x00in",
    f"{MARK}\u202eevil\u2066\u200f",
    f"{MARK}🎉👩‍👩‍👧漢字e\u0301\ufe0f",
    f"{MARK}\r\nsecond\x0b\u2028third\ttab",
)
FILE_NAME: Final = f"{MARK}🎉]\x1b[31m\u202e[red"
"""Of a file: without a slash and NUL."""
ODD_NUMBERS: Final = (math.inf, -math.inf, math.nan, 1e308, -5e-324)


def build_hostile_study(folder: Path) -> tuple[Path, str]:
    """Make a file that holds a study for each text; return it and the study that has trials."""
    path = folder / f"{FILE_NAME}.db"
    everything = "".join(TEXTS)
    ref = {"kind": "file", "target": f"/nowhere/{TEXTS[0]}.py", "attribute": TEXTS[1]}
    run = {"run": "r", "sampler": TEXTS[2], "pruner": TEXTS[5], "started_s": 1.0}
    with StudyFile(path) as built:
        study_id = built.add_study(
            TEXTS[1],
            ("MINIMIZE",),
            hptui_study={"token": "t", "objective": ref},
            hptui_runs=[run],
            **{
                "study:metric_names": [TEXTS[6]],
                "dashboard:note_ver": 1,
                "dashboard:note_str:0": everything,
                "dashboard:1:note_ver": 1,
                "dashboard:1:note_str:0": f"its note {everything}",
            },
        )
        for name in TEXTS:
            if name != TEXTS[1]:
                built.add_study(name)
        choices = {"name": "CategoricalDistribution", "attributes": {"choices": list(TEXTS)}}
        params: dict[str, tuple[object, str]] = dict.fromkeys(TEXTS, (0.5, FLOAT))
        attributes = {text: text for text in TEXTS} | {"lists": list(TEXTS), "nan": math.nan}
        attributes["hptui:tags"] = ["its tag", *TEXTS]
        for number, value in enumerate((1.0, *ODD_NUMBERS)):
            params["choice"] = number, json.dumps(choices)
            if number:
                params[TEXTS[2]] = value, FLOAT
            built.add_trial(
                value,
                study_id=study_id,
                params=params,
                user_attributes=attributes,
                attributes={
                    f"constraints:{TEXTS[number]}": ODD_NUMBERS[number % 5],
                    **attributes,
                },
                reports=dict(enumerate((2.0, *ODD_NUMBERS))),
            )
        pruned = {"step": 1, "value": 1.0, "by": TEXTS[0], "threshold": 0.5, "text": everything}
        built.add_trial(
            study_id=study_id,
            state="PRUNED",
            params=params,
            reports={0: math.nan, 1: math.inf},
            attributes={
                "hptui:pruned": pruned,
                "artifacts:0": json.dumps({"filename": everything, "mimetype": TEXTS[0]}),
            },
        )
        error = {"kind": "exception", "type": TEXTS[0], "message": "\n".join(TEXTS)}
        built.add_trial(
            study_id=study_id,
            state="FAIL",
            params=params,
            attributes={
                "hptui:error": {**error, "traceback": f'  File "{everything}", line 1'},
                "hptui:place": {"devices": list(TEXTS), "cores": everything},
            },
        )
        built.add_trial(
            study_id=study_id,
            state="WAITING",
            start=None,
            attributes={"fixed_params": {text: text for text in TEXTS}},
        )
        for number in range(9):
            leave_files(folder_of(path, TEXTS[1]), number)
    return path, TEXTS[1]


def leave_files(folder: Path, number: int) -> None:
    """Leave a log, and files of a trial, as a worker does."""
    scratch = folder / "scratch" / f"{number:06d}"
    scratch.mkdir(parents=True)
    (scratch / FILE_NAME).touch()
    (folder / "logs").mkdir(exist_ok=True)
    log = folder / "logs" / f"trial-{number:06d}.log"
    log.write_bytes("\n".join(TEXTS).encode() + b"\xff\xfe\x80")


def build_wide_study(folder: Path) -> Path:
    """Make a file with a study `wide` of a thousand parameters."""
    path = folder / "wide.db"
    params: dict[str, tuple[object, str]] = {
        f"parameter_{index:03d}": (index / 1000, FLOAT) for index in range(1000)
    }
    with StudyFile(path) as built:
        built.run("BEGIN")
        built.add_study("wide")
        for value in (0.5, 0.25, math.nan):
            built.add_trial(value, params=params)
        built.run("COMMIT")
    return path

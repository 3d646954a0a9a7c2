"""Filters about what is in no column, while other programs write it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.storage.study_file import FLOAT, StudyFile
from tests.ui.showing import run, screen_text, until

from hptui.cli.commands.application import open_place
from hptui.ui.application.app import HptuiApp
from hptui.ui.application.settings import Settings
from hptui.ui.trials.trial_table import TrialTable

if TYPE_CHECKING:
    from pathlib import Path

    from textual.pilot import Pilot


def test_a_study_that_others_write_notes_tags_and_attributes_to(tmp_path: Path):
    with StudyFile(tmp_path / "study.db") as file:
        file.add_study()
        for number in range(4):
            file.add_trial(float(number), params={"x": (number / 4, FLOAT)})
        app = HptuiApp(open_place(str(file.path)), settings=Settings())

        def note(trial_id: int, text: str) -> None:
            for key, value in {"note_ver": 1, "note_str:0": text}.items():
                file.run(
                    "INSERT OR REPLACE INTO study_system_attributes (study_id, key, value_json) "
                    "VALUES (1, ?, ?)",
                    f"dashboard:{trial_id}:{key}",
                    json.dumps(value),
                )

        async def scenario(pilot: Pilot[int]) -> None:
            await until(pilot, lambda: "4 trials" in screen_text(app), "the study")
            table = app.screen.query_one(TrialTable)

            async def expect(text: str, count: int) -> None:
                await until(pilot, lambda: f"{count} of" in screen_text(app), f"{text} {count}")

            table.use_filter("note:bad")
            await expect("note:bad", 0)
            note(2, "a **bad** one")
            await expect("note:bad", 1)
            note(2, "a good one")
            await expect("note:bad", 0)
            table.use_filter("tag:good")
            await expect("tag:good", 0)
            file.set_attribute(3, "hptui:tags", '["good"]', "user")
            await expect("tag:good", 1)
            # Notes and tags of the same trials, with other words.
            file.run("UPDATE trial_user_attributes SET value_json = '[\"x\"]' WHERE trial_id = 3")
            await expect("tag:good", 0)
            running = file.add_trial(state="RUNNING", user_attributes={"fold": 1})
            table.use_filter("attr.fold=3")
            await expect("attr.fold=3", 0)
            file.run(
                "UPDATE trial_user_attributes SET value_json = '3' WHERE trial_id = ?", running
            )
            await expect("attr.fold=3", 1)
            file.add_trial(1.0, user_attributes={"fold": 3})
            await expect("attr.fold=3", 2)

        run(app, scenario, size=(120, 40))

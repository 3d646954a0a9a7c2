"""The column of the trial under the cursor, and the second plot where nothing reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.storage.study_file import StudyFile
from tests.ui.driving import drive
from tests.ui.showing import screen_lines

from hptui.ui.application.settings import Settings
from hptui.ui.application.ui_state import remember, remembered
from hptui.ui.study.study_screen import StudyScreen

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.ui.application.app import HptuiApp

FLOAT = (
    '{"name": "FloatDistribution", '
    '"attributes": {"step": null, "low": 0.0, "high": 4.0, "log": false}}'
)


def a_study(path: Path, *, reports: bool) -> Path:
    with StudyFile(path) as file:
        file.add_study("s")
        for at in range(3):
            steps = {0: 1.0 + at} if reports else {}
            file.add_trial(float(at), params={"x": (float(at), FLOAT)}, reports=steps)
        error = {"kind": "exception", "type": "ValueError", "message": "no luck", "traceback": ""}
        file.add_trial(state="FAIL", attributes={"hptui:error": error})
    logs = path.with_suffix(".hptui") / "logs"
    logs.mkdir(parents=True)
    (logs / "trial-000001.log").write_text("it began\nit went on\n")
    return path


def watch(script: str, path: Path, *, size: str = "120x40", has_unicode: bool = True) -> HptuiApp:
    return drive(
        script,
        size=size,
        settings=Settings(),
        has_unicode=has_unicode,
        home=lambda: StudyScreen(path, "s"),
    )


def test_the_column_follows_the_cursor_and_is_hidden_by_a_key_for_good(tmp_path: Path) -> None:
    path = a_study(tmp_path / "s.db", reports=True)
    watch(
        """
        wait "ValueError: no luck"
        wait "1 failed (f)"
        expect "#3 failed"
        press k k
        wait "#1 complete"
        expect "rank 2 of 3"
        expect "x  0 ▇▅▃▁"
        wait "it went on"
        press 4
        wait "value by parameter"
        expect "x  0 ▇▅▃▁"
        press D
        wait-not "rank 2 of 3"
        size 80x24
        press D
        wait "The detail column needs 100 columns; enter opens the trial."
        """,
        path,
    )
    assert remembered("study")["detail"] is False
    watch(
        """
        wait "All 4"
        expect-not "#3 failed"
        press D
        wait "#3 failed"
        size 80x24
        wait-not "#3 failed"
        size 100x24
        wait "#3 failed"
        """,
        path,
    )
    assert remembered("study")["detail"] is True


def test_parameters_stand_in_the_place_of_a_curve_that_nobody_reports(tmp_path: Path) -> None:
    path = a_study(tmp_path / "s.db", reports=False)
    script = """
        wait "#3 failed"
        press k
        wait "{1} #2 {1}"
        wait "{0} the best tenth"
        press v
        wait-not "{1} #2 {1}"
        wait "{2}"
        press v
        wait "{1} #2 {1}"
        size 80x24
        wait-not "the best tenth"
        press v
        wait "the best tenth"
        expect-not "history"
        """
    watch(script.format("▄▅▆", "─", "x  0 ▇▅▃▁"), path)
    watch(script.format("=+*", "-", "x  0 #+-."), path, has_unicode=False)
    # The whole screen is for them where it was for a curve, and again at the next start.
    remember("study", full_screen="curve", view="overview")
    for _ in range(2):
        watch('wait "─ #3 ─"\nexpect-not "history"\npress z z', path)
        assert remembered("study")["full_screen"] == "gauges"


def test_a_message_leaves_the_cursor_and_a_dialog_uncovered(tmp_path: Path) -> None:
    path = a_study(tmp_path / "s.db", reports=True)

    def look(app: HptuiApp) -> None:
        lines = screen_lines(app)
        if any("Copied the parameters" in line for line in lines):
            seen.append(lines)

    seen: list[list[str]] = []
    drive(
        """
        wait "#3 failed"
        press k y
        wait "Copied the parameters of trial 2"
        expect "✓ complete"
        press c
        wait "Columns"
        wait "Copied the parameters of trial 2"
        expect "space choose or not   a all"
        """,
        size="100x16",
        settings=Settings(),
        home=lambda: StudyScreen(path, "s"),
        observe=look,
    )
    assert seen
    below = seen[-1]
    frame = [at for at, line in enumerate(below) if "Columns" in line or "esc cancel" in line]
    (message,) = (at for at, line in enumerate(below) if "Copied the parameters" in line)
    assert not frame[0] <= message <= frame[-1]

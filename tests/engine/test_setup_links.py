"""Links beside a study that somebody else may have sent lead no run elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.e2e.programs import OBJECTIVES, run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["scratch", "engine.log"])
def test_a_run_follows_no_link(tmp_path: Path, name: str):
    mine = tmp_path / "mine"
    (mine / "000000").mkdir(parents=True)
    (mine / "000000" / "data").write_text("kept")
    folder = tmp_path / "s.hptui"
    folder.mkdir()
    (folder / name).symlink_to(mine / "000000" / "data" if name == "engine.log" else mine)
    options = ("--study", "s", "-j", "1", "--trials", "1")
    code, _, err = run("run", f"{OBJECTIVES}:quick", *options, cwd=tmp_path)
    assert code == 2, err
    assert f"s.hptui/{name} is a link" in err
    assert (mine / "000000" / "data").read_text() == "kept"
    assert [each.name for each in folder.iterdir()] == [name]

"""Tests wait for conditions, with the one deadline of `tests/waiting.py`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from tests.waiting import wait_until

TESTS = Path(__file__).parent
CLOCK = {("time", "sleep"), ("time", "monotonic"), ("time", "perf_counter"), ("asyncio", "sleep")}
WAITS = {"communicate", "join", "poll", "wait", "wait_procs"}
"""Calls whose first number says how long they wait."""
A_LIMIT = re.compile(r"_?(\w+_)?(DEADLINE|PATIENCE|TIMEOUT)(_\w+)?")


def is_a_test(path: Path) -> bool:
    """Whether a file is run by a test: not as an objective, to measure, or by hand."""
    is_an_objective = "objectives" in path.name or path.name.startswith("misbehaving")
    measures = path.parent.name in ("benchmarks", "fuzz", "pictures")
    return not is_an_objective and not measures and path.name not in ("waiting.py", "__main__.py")


def own_times(source: str) -> list[str]:
    """Return the places where a test sleeps, reads the clock, or says how long it waits."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=name) if (module, name) in CLOCK:
                found.append(f"line {node.lineno}: {module}.{name}")
            case ast.Call(func=ast.Attribute(attr=name), args=[first, *_]) if name in WAITS:
                if is_a_time(first):
                    found.append(f"line {node.lineno}: {name} of {ast.unparse(first)}")
            case ast.keyword(arg="timeout", value=value) if is_a_time(value):
                found.append(f"line {value.lineno}: timeout={ast.unparse(value)}")
            case ast.Call(func=ast.Attribute(attr="select"), args=[_, _, _, last]) if is_a_time(
                last
            ):
                found.append(f"line {node.lineno}: select of {ast.unparse(last)}")
            case (
                ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name))
            ) if A_LIMIT.fullmatch(name):
                found.append(f"line {node.lineno}: {name}")
            case _:
                pass
    return found


def is_a_time(node: ast.expr) -> bool:
    """Whether an expression is a number that is written there and not zero."""
    return isinstance(node, ast.Constant) and type(node.value) in (int, float) and bool(node.value)


def test_no_test_says_a_time_of_its_own() -> None:
    files = {path for path in TESTS.rglob("*.py") if is_a_test(path)}
    assert len(files) > 100
    own = {str(path.relative_to(TESTS)): own_times(path.read_text("utf-8")) for path in files}
    assert {path: places for path, places in own.items() if places} == {}


@pytest.mark.parametrize(
    "line",
    [
        "time.sleep(0.1)",
        "late = time.monotonic() + 10",
        "await asyncio.sleep(1)",
        "process.wait(60)",
        "queue.get(timeout=10)",
        "subprocess.run(command, timeout=60)",
        "_TIMEOUT_S = 20.0",
        "DEADLINE = 5",
        "DEADLINE_S: Final = 300",
        "select.select([], [ends], [], 60)",
    ],
)
def test_each_way_to_say_a_time_is_seen(line: str) -> None:
    assert own_times(f"async def test():\n    {line}")


@pytest.mark.parametrize(
    "line", ["process.wait(DEADLINE_S)", "', '.join(names)", "cells.get(0)", "path.get(name)"]
)
def test_what_says_no_time_is_not(line: str) -> None:
    assert not own_times(line)


def test_what_does_not_come_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.waiting.DEADLINE_S", 0.05)
    with pytest.raises(AssertionError, match="the moon: did not happen green"):
        wait_until(lambda: False, "the moon", lambda: "green")
    wait_until(lambda: True)

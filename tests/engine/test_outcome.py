"""What is kept of an exception that an objective raised."""

from __future__ import annotations

from hptui.engine.run.outcome import MAX_TRACEBACK_CHARS, describe_exception


def raise_deep(depth: int, message: str) -> None:
    if depth == 0:
        raise ValueError(message)
    # Two lines in turn, which Python does not draw together as it does with one.
    if depth % 2:
        raise_deep(depth - 1, message)
    else:
        raise_deep(depth - 1, message)


def caught(depth: int, message: str) -> BaseException:
    try:
        raise_deep(depth, message)
    except ValueError as error:
        return error
    raise AssertionError


def test_a_traceback_is_kept_whole() -> None:
    told = describe_exception(caught(40, "no good"))
    assert (told.type, told.message) == ("ValueError", "no good")
    assert told.traceback.startswith("Traceback (most recent call last):\n")
    assert told.traceback.count("in raise_deep") == 41
    assert told.traceback.endswith("ValueError: no good\n")


def test_of_one_that_is_too_long_the_end_is_kept_and_the_rest_is_counted() -> None:
    told = describe_exception(caught(200, "x" * 15_000))
    first, *rest = told.traceback.splitlines()
    assert first.endswith("characters before this are left out)")
    assert rest[-1] == f"ValueError: {'x' * 15_000}"
    assert rest[0].startswith("  ")
    assert MAX_TRACEBACK_CHARS // 2 < len(told.traceback) <= MAX_TRACEBACK_CHARS + len(first) + 1

"""Failures by their cause."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hptui.domain.causes import NO_REASON, Cause, Failure, cause_of, group_failures
from hptui.domain.texts.text import safe_line


@pytest.mark.parametrize(
    ("messages", "pattern"),
    [
        (["out of memory at 0x7f12aa", "out of memory at 0xDEADBEEF"], "out of memory at #"),
        (
            ["TriedParams to allocate 2.50 GiB", "TriedParams to allocate 512 GiB"],
            "TriedParams to allocate # GiB",
        ),
        (["lr=1e-05 diverged", "lr=-0.25 diverged", "lr=1,5 diverged"], "lr=# diverged"),
        (
            ["No such file: '/data/run-12/x.csv'", "No such file: '~/y'", "No such file: './z'"],
            "No such file: '#'",
        ),
        (["cannot open C:\\Users\\a\\x.txt", "cannot open D:\\b"], "cannot open #"),
        (["id 123e4567-e89b-12d3-a456-426614174000", "id a94a8fe5ccb19ba6"], "id #"),
        (["no\n  such\tkey", "no such key"], "no such key"),
        (["<Foo object at 0x7f>", "<Foo object at 0x80>"], "<Foo object at #>"),
        (["\x1b[31mred"], "\\x1b[#mred"),
    ],
)
def test_what_differs_from_trial_to_trial_is_no_cause(messages: list[str], pattern: str):
    assert {cause_of("exception", "E", message) for message in messages} == {
        Cause("exception", "E", pattern)
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("exception", "ValueError", "x"), ("exception", "KeyError", "x")),
        (("exception", "", "x"), ("killed", "", "x")),
        (("exception", "E", "loss is nan"), ("exception", "E", "loss is inf")),
        (("exception", "E", "a/b"), ("exception", "E", "a/c")),
        (("exception", "E2", ""), ("exception", "E3", "")),
        (("", "", ""), ("exception", "", "")),
    ],
)
def test_other_causes_are_kept_apart(one: tuple[str, str, str], other: tuple[str, str, str]):
    assert cause_of(*one) != cause_of(*other)


def test_how_a_cause_is_told():
    cause = cause_of("exception", "OSError", "disk 3 is full")
    assert cause.summary == "OSError: disk # is full"
    assert cause.text == "exception OSError: disk # is full"
    assert cause_of("died", "", "gone").summary == "gone"
    assert cause_of("exception", "KeyError", "").summary == "KeyError"
    assert cause_of("killed", "", "").summary == "killed"
    assert (NO_REASON.summary, NO_REASON.text) == ("no reason was recorded", "")
    assert len(cause_of("exception", "E", "word " * 1_000).text) < 200


words = st.sampled_from(["a 1", "a 2", "b", "", "/x/1", "\x1b"])
failures = st.lists(
    st.builds(Failure, st.just(0), words, words, words, is_retried=st.booleans()), max_size=12
)


@given(failures)
def test_groups_are_those_of_a_look_at_each_pair(drawn: list[Failure]):
    found = [
        Failure(3 * at, each.kind, each.type, each.message, each.is_retried)
        for at, each in enumerate(drawn)
    ]
    groups = group_failures(found)
    assert sorted(number for group in groups for number in group.numbers) == [
        each.number for each in found
    ]
    of = {number: group for group in groups for number in group.numbers}
    for one in found:
        assert (one.number in of[one.number].retriable) != one.is_retried
        for other in found:
            is_same = cause_of(one.kind, one.type, one.message) == cause_of(
                other.kind, other.type, other.message
            )
            assert (of[one.number] is of[other.number]) == is_same
    ranks = [(-group.count, group.first) for group in groups]
    assert ranks == sorted(ranks)
    for group in groups:
        assert (group.first, group.newest) == (min(group.numbers), max(group.numbers))
        assert safe_line(group.cause.summary, max_chars=1_000) == group.cause.summary

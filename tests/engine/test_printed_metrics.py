"""Numbers read from what programs print."""

from __future__ import annotations

import math

import pytest

from hptui.engine.programs.printed_metrics import (
    MAX_LINE_BYTES,
    Best,
    LineSplitter,
    MetricReader,
    Steps,
    names_in,
)

NAN = float("nan")
INF = float("inf")
LINES: list[tuple[str | bytes, float | None, float | None]] = [
    ("val_loss=0.2", 0.2, None),
    ("val_loss: 0.2", 0.2, None),
    ("  val_loss   :   -1e-3  ", -1e-3, None),
    ("'val_loss': .5, x", 0.5, None),
    ("{'epoch': 2.0, 'val_loss': 5.}", 5.0, 2.0),
    ("{'val_loss': np.float64(0.25)}", 0.25, None),
    ("val_loss: tensor(0.25, device='cuda:0')", 0.25, None),
    ("val_loss=1, val_loss=2 val_loss=3;", 3.0, None),
    ("val_loss=1 val_loss=n/a", 1.0, None),
    ("(val_loss=0.5)", 0.5, None),
    ("[val_loss=0.5]", 0.5, None),
    ("loss:2,val_loss:0.5,acc:3", 0.5, None),
    ("It ends with val_loss: 0.5.", 0.5, None),
    ("val_loss=93.5%", 93.5, None),
    ("val_loss=1e400", INF, None),
    ("val_loss=nan", NAN, None),
    ("val_loss: NaN", NAN, None),
    ("val_loss=-Infinity", -INF, None),
    ("val_loss=inf", INF, None),
    # Other names.
    ("best_val_loss=9", None, None),
    ("val_loss_ema=9", None, None),
    ("val/val_loss=9", None, None),
    ("x.val_loss=9 x-val_loss=9", None, None),
    ("val_loss.mean=9 val_loss/x=9 val_loss-x=9", None, None),
    ("val_loss2=9", None, None),
    ("Val_loss=9", None, None),
    ("val_loss", None, None),
    ("val_loss 9", None, None),
    ("val_loss == 9", None, None),
    ("val_loss => 9", None, None),
    ("best_val_loss=9 val_loss=0.5 val_loss_ema=9", 0.5, None),
    # No numbers.
    ("val_loss=1,234", None, None),
    ("val_loss=1,234.5", None, None),
    ("val_loss=1.2.3", None, None),
    ("val_loss=12.3ms", None, None),
    ("val_loss=0x1F", None, None),
    ("val_loss=1_000", None, None),
    ("val_loss=1e", None, None),
    ("val_loss=--1", None, None),
    ("val_loss=nano", None, None),
    ("val_loss=none", None, None),
    ("val_loss=\u0663", None, None),
    # Colours, and bytes that are no text.
    ("\x1b[1;32mval_loss\x1b[0m: \x1b[31m0.5\x1b[0m", 0.5, None),
    ("val\x1b[1m_loss=0.5", 0.5, None),
    ("\x1b]8;;http://x\x07val_loss=0.5\x1b]8;;\x07", 0.5, None),
    (b"\xff\xfeval_loss=0.5\xff", 0.5, None),
    (b"\x00val_loss=0.5\x00", 0.5, None),
    # Steps.
    ("step=3 val_loss=0.5", 0.5, 3.0),
    ("Epoch 3/10: val_loss=0.5", 0.5, 3.0),
    ("Epoch [3/10], Step [100/500], val_loss: 0.5", 0.5, 100.0),
    ("[round 7] val_loss: 0.5", 0.5, 7.0),
    ("iteration #12 val_loss: 0.5", 0.5, 12.0),
    ("val_loss=0.5 iter: 4", 0.5, 4.0),
    ("global_step=3 val_loss=0.5 steps=9 stepwise 4", 0.5, None),
    ("epoch nan val_loss=0.5", 0.5, None),
    # JSON.
    ('{"val_loss": 0.25, "epoch": 4}', 0.25, 4.0),
    ('  {"step": 1, "epoch": 4, "val_loss": 1}  ', 1.0, 1.0),
    ('{"val_loss": NaN}', NAN, None),
    ('{"val_loss": 1e999}', INF, None),
    (f'{{"val_loss": 1{"0" * 400}}}', INF, None),
    ('{"val_loss": true}', None, None),
    ('{"val_loss": "0.5"}', None, None),
    ('{"val_loss": null}', None, None),
    ('{"eval": {"val_loss": 0.5}}', None, None),
    ('{"text": "val_loss=0.5"}', None, None),
    ('{"text": "{\\"val_loss\\": 0.5}"}', None, None),
    ('{"val\\u005floss": 0.5}', 0.5, None),
    ('INFO {"val_loss": 0.5, "step": 2}', 0.5, 2.0),
    ('{"val_loss": 0.5', 0.5, None),
    ("[" * 100_000 + "val_loss=0.5", 0.5, None),
    ("{" * 50_000 + "}" * 50_000, None, None),
]


@pytest.mark.parametrize(("line", "value", "step"), LINES, ids=lambda each: repr(each)[:40])
def test_a_line_is_read(line: str | bytes, value: float | None, step: float | None) -> None:
    reader = MetricReader(("val_loss",))
    data = line if isinstance(line, bytes) else line.encode()
    found = reader.of_line(data)
    if value is None:
        assert found == []
        return
    (reading,) = found
    assert reading.value == value or (math.isnan(value) and math.isnan(reading.value))
    assert reading.step == step
    assert reading.source == (
        "json" if data.strip().startswith(b'{"') and data.rstrip().endswith(b"}") else "text"
    )


NAMES = [
    ("-x", "a -x=2", 2.0),
    ("val loss", "val loss: 0.5", 0.5),
    ("f(1)", "f(1)=3", 3.0),
    ("mAP@0.5", "mAP@0.5: 0.7", 0.7),
    ("ä", "ä=1", 1.0),
    ("val/loss", "train/loss=9 val/loss=1", 1.0),
]


@pytest.mark.parametrize(("name", "line", "value"), NAMES)
def test_any_name_is_found_as_it_is(name: str, line: str, value: float) -> None:
    (reading,) = MetricReader((name,)).of_line(line.encode())
    assert reading.value == value


def test_what_is_no_number_is_told() -> None:
    reader = MetricReader(("val_loss",))
    for line, told in [("val_loss: 12.3ms", "12.3ms"), ('{"val_loss": null}', "null")]:
        assert reader.of_line(line.encode()) == []
        assert reader.unread == told


def test_expressions_are_read_instead_of_names() -> None:
    reader = MetricReader(("a", "b"), (r"A is (\S+)", r"B (?:\w+ )?(-?\d+)?"))
    found = reader.of_line(b"A is 1 or A is 2 and B may -3 epoch 7 a=9 b=9")
    assert [(each.metric, each.value, each.step) for each in found] == [
        (0, 2.0, 7.0),
        (1, -3.0, 7.0),
    ]
    assert reader.of_line(b"A is unknown, B is") == []
    assert reader.unread == ""
    assert reader.of_report(b'{"a": 5}')[0].value == 5


def test_several_metrics_and_reports() -> None:
    reader = MetricReader(("loss", "val_loss"))
    found = reader.of_line(b"loss=1 val_loss=2")
    assert [(each.metric, each.value) for each in found] == [(0, 1.0), (1, 2.0)]
    assert [each.source for each in reader.of_report(b'{"loss": 1}')] == ["report"]
    for line in (b"loss=1", b"[1]", b"", b"{", b"\xff{}"):
        assert reader.of_report(line) == []
    assert MetricReader(("-",)).of_line(b"-=3") == []


STEPS: list[tuple[list[float | None], list[int | None]]] = [
    ([None, None, None], [1, 2, 3]),
    ([0.0, 1.0, 5.0], [0, 1, 5]),
    ([1.0, 1.0, 2.0, 2.0], [1, None, 2, None]),
    ([100.0, 200.0, 100.0, 200.0], [100, 200, 201, 202]),
    ([0.5, 1.0, 1.5], [1, 2, 3]),
    ([3.0, None, 4.0], [3, 4, 5]),
    ([1e300, 1.0], [1, 2]),
]


@pytest.mark.parametrize(("told", "given"), STEPS)
def test_steps_are_the_lines_own_as_long_as_they_rise(
    told: list[float | None], given: list[int | None]
) -> None:
    steps = Steps()
    assert [steps.next(each) for each in told] == given


def test_the_best_source_and_the_wanted_value_count() -> None:
    def of(take: str, *values: float) -> float | None:
        best = Best(take)
        assert all(best.add(value, "text") for value in values)
        return best.value

    assert of("last", 3, 1, 2) == 2
    assert of("min", 3, NAN, 1, 2) == 1
    assert of("max", NAN, 3, 1) == 3
    last = of("last", 1, NAN)
    assert last is not None
    assert math.isnan(last)
    best = Best("min")
    assert best.add(1, "text")
    assert best.add(5, "json")
    assert not best.add(0, "text")
    assert best.add(7, "report")
    assert not best.add(0, "json")
    assert best.value == 7


def test_lines_end_at_both_signs_and_are_bounded() -> None:
    splitter = LineSplitter()
    pieces = [b"a", b"b\rc\r\n\n", b"d", b"\n", b"e"]
    assert [splitter.feed(each) for each in pieces] == [[], [b"ab", b"c"], [], [b"d"], []]
    assert splitter.end() == [b"e"]
    assert splitter.end() == []
    long = b"x" * (MAX_LINE_BYTES // 4)
    for _ in range(6):
        assert splitter.feed(long) == []
    (line,) = splitter.feed(b"tail\nnext\n")[:1]
    assert len(line) == MAX_LINE_BYTES
    assert splitter.feed(b"a\n") == [b"a"]


def test_who_looks_for_another_name_is_told_those_there_are() -> None:
    lines = [
        b"epoch 3 loss=1, acc: 0.5 \x1b[1mf1\x1b[0m=2",
        b'{"auc": 1, "step": 3, "t": "x"}',
        b"no",
    ]
    assert names_in(lines) == ["loss", "acc", "f1", "auc"]
    assert len(names_in([b" ".join(b"x%d=1" % index for index in range(100))])) == 12

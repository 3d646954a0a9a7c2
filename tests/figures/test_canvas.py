"""What charts are made of: dots, thick lines, ramps of colour, characters of any width."""

from __future__ import annotations

import numpy as np
import pytest
from tests.figures.looks import LOOKS

from hptui.cli.output.picture_output import picture_text
from hptui.domain.texts.text import cell_width
from hptui.figures.canvas.chart import N_DENSE, Canvas, Dots, Mark, Shading, draw
from hptui.figures.canvas.lines import Line
from hptui.figures.canvas.picture import COLOURED, FINE, Cells, Look, Picture, label
from hptui.figures.canvas.points import Points
from hptui.figures.canvas.ramp import CIVIDIS, VIRIDIS, ramp_colours
from hptui.figures.canvas.roles import RAMP, ROLES
from hptui.figures.canvas.svg import picture_svg, svg_style


def canvas_of(**parts: object) -> Canvas:
    return Canvas(x_label="x", x_ticks=[(0.0, "0")], y_ticks=[(0.0, "0")], **parts)  # pyright: ignore[reportArgumentType]


def points_of(*places: tuple[float, float]) -> Points:
    x, y = zip(*places, strict=True)
    return Points(np.array(x, np.float64), np.array(y, np.float64))


def widths(picture: Picture) -> set[int]:
    return {sum(cell_width(span.text) for span in line) for line in picture.lines}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("学習率", "学習率"),
        ("学習率の減衰", "学習率 …"),
        ("e\u0301tude", "e\u0301tude"),
        ("ค่าที่ดี", "ค่าที่ดี"),
        ("\x1b[2J日", "\\x1b[2J…"),
    ],
)
def test_names_in_any_script_take_their_cells(name: str, shown: str):
    text = label(name, 8)
    assert text == shown
    assert cell_width(text) <= 8
    cells = Cells(10, 2)
    cells.put(0, 1, text, "label")
    cells.put(1, 9, "x", "label")
    assert cells.picture().plain().split("\n")[0].strip() == text
    assert widths(cells.picture()) <= {1 + cell_width(text), 10}


def test_half_of_a_wide_character_is_never_left():
    cells = Cells(6, 3)
    for row, column in enumerate((2, 3)):
        cells.put(row, 2, "日本", "label")
        cells.put(row, column, "x", "best")
    cells.put(2, 5, "日", "label")
    assert cells.picture().plain().split("\n") == ["  x 本", "  …x本", "     …"]
    assert widths(cells.picture()) == {6}


@pytest.mark.parametrize("is_dark", [True, False])
@pytest.mark.parametrize("colours", [VIRIDIS, CIVIDIS])
def test_a_ramp_can_be_read_without_seeing_colour(colours: str, is_dark: bool):
    ramp = ramp_colours(colours, is_dark=is_dark)
    assert tuple(ramp) == RAMP
    light = [
        0.2126 * int(each[1:3], 16) + 0.7152 * int(each[3:5], 16) + 0.0722 * int(each[5:7], 16)
        for each in ramp.values()
    ]
    steps = np.diff(light) * (1 if is_dark else -1)
    assert steps.min() > 2


def test_points_are_coloured_by_their_level_and_the_best_of_a_cell_counts():
    points = points_of((0.0, 0.5), (0.0, 0.5), (1.0, 0.5))
    dots = Dots(points, "trial", levels=np.array([3, 15, 0]))
    picture, _ = draw(canvas_of(dots=(dots,)), 20, 9, look=COLOURED)
    roles = [span.role for line in picture.lines for span in line if span.role in RAMP]
    assert roles == ["ramp-15", "ramp-0"]
    picture, _ = draw(canvas_of(dots=(dots,)), 20, 9, look=FINE)
    assert {span.role for line in picture.lines for span in line} == {"axis", "label", "trial"}


@pytest.mark.parametrize("look", LOOKS)
def test_very_many_points_are_shaded_by_how_many_share_a_cell(look: Look):
    middle = [(0.5, 0.5)] * N_DENSE
    points = points_of((0.0, 0.0), *[(1.0, 1.0)] * 50, *middle)
    picture, field = draw(canvas_of(dots=(Dots(points, "trial"),)), 40, 13, look=look)
    cells = Cells(40, 13)
    for row, line in enumerate(picture.lines):
        cells.put_spans(row, 0, line)
    places = [(field.row(y), field.left + field.column(x)) for x, y in ((0, 0), (1, 1), (0.5, 0.5))]
    seen: list[tuple[str, str]] = [
        (str(cells.characters[at]), ROLES[int(cells.roles[at])]) for at in places
    ]
    if look.has_ramp:
        assert [role for _, role in seen] == ["ramp-0", "ramp-7", "ramp-15"]
    elif look.unicode:
        assert [character for character, _ in seen] == ["░", "▒", "█"]
    else:
        assert seen == [("o", "trial")] * 3


def test_a_shading_has_two_colours_a_cell_and_what_lies_on_it_stands_out():
    levels = np.full((12, 16), -1)
    levels[0::2], levels[1::2, :8] = 2, 14
    canvas = canvas_of(shading=Shading(levels), marks=(Mark(0.0, 1.0, "best", "★", "*"),))
    picture, field = draw(canvas, 18, 7, look=COLOURED)
    assert (field.width, field.height) == (16, 6)
    first = picture.lines[0][1:]
    assert [(span.text, span.role, span.ground) for span in first] == [
        ("★", "ramp-0", "ramp-14"),
        ("▀" * 7, "ramp-2", "ramp-14"),
        ("▀" * 8, "ramp-2", None),
    ]
    text = picture_text(picture, n_colours=1 << 24)
    colours = ramp_colours(VIRIDIS, is_dark=True)
    red, green, blue = bytes.fromhex(colours["ramp-14"][1:])
    assert f";48;2;{red};{green};{blue}m" in text
    assert ";48;5;" in picture_text(picture, n_colours=256)
    svg = picture_svg(picture, "t", colours=colours)
    assert '<g class="ramp-14"><path shape-rendering="crispEdges" d="M16 0h8v16h-8z' in svg
    assert svg_style(colours) in svg


def test_a_line_is_two_dots_thick_and_a_fine_one_one():
    def dots(line: Line) -> int:
        picture, _ = draw(canvas_of(lines=(line,)), 20, 9, look=FINE)
        return sum(
            (ord(char) - 0x2800).bit_count()
            for char in picture.plain()
            if 0x2800 <= ord(char) < 0x2900
        )

    level = points_of((0.0, 0.5), (1.0, 0.5))
    fine, thick = dots(Line(level, "median", is_fine=True)), dots(Line(level, "best"))
    assert fine == 35
    assert thick == 2 * fine


def test_dots_lie_on_a_line_that_is_behind_them():
    level = points_of((0.0, 0.5), (1.0, 0.5))
    for is_behind, role in ((True, "trial"), (False, "best")):
        canvas = canvas_of(
            lines=(Line(level, "best", is_behind=is_behind),), dots=(Dots(level, "trial", "●"),)
        )
        picture, field = draw(canvas, 20, 9, look=FINE)
        spans = picture.lines[field.row(0.5)]
        assert spans[1].role == role

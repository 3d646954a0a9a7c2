"""Pictures as SVG: well-formed, each part in its role, blocks where their cells are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import pytest
from tests.figures.histories import MIXED_STATES, source_of

from hptui.domain.texts.text import safe_line
from hptui.figures.canvas.field import Field, braille_dots, braille_of, quarter_blocks
from hptui.figures.canvas.picture import Cells, Picture, Span
from hptui.figures.canvas.svg import CELL_HEIGHT, CELL_WIDTH, picture_svg, svg_style
from hptui.figures.history import draw_history

if TYPE_CHECKING:
    from hptui.figures.canvas.roles import Role

SVG = "{http://www.w3.org/2000/svg}"
BOX = re.compile(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)h-[\d.]+z")


def read(picture: Picture, title: str = "x") -> ElementTree.Element:
    return ElementTree.fromstring(picture_svg(picture, title))


def boxes(root: ElementTree.Element, role: Role) -> list[tuple[float, ...]]:
    """The boxes in a role: left, top, width, height."""
    return [
        tuple(map(float, match.groups()))
        for group in root.iter(f"{SVG}g")
        if group.get("class") == role
        for path in group.iter(f"{SVG}path")
        for match in BOX.finditer(path.get("d", ""))
    ]


@pytest.mark.parametrize("fine", [False, True])
def test_each_dot_is_a_box_where_it_was(fine: bool):
    rng = np.random.default_rng(1)
    from hptui.figures.canvas.points import Points

    field = Field(0, 0, 9, 5)
    points = Points(rng.random(40), rng.random(40))
    cells = Cells(9, 5)
    cells.lay(
        0,
        0,
        braille_of(braille_dots(field, points)) if fine else quarter_blocks(field, points),
        "trial",
    )
    across, up = (2, 4) if fine else (2, 2)
    wide, high = CELL_WIDTH / across, CELL_HEIGHT / up
    expected = {
        (int(column), int(row))
        for column, row in zip(
            field.columns(points.x, across), field.rows(points.y, up), strict=True
        )
    }
    found = boxes(read(cells.picture()), "trial")
    assert {(int(left // wide), int(top // high)) for left, top, *_ in found} == expected
    assert len(found) == len(expected)


def test_texts_axes_and_shades_are_what_they_were():
    picture = Picture(
        (
            (Span("0.9┤", "label"), Span("░▓", "median"), Span("  two words   ★", "note")),
            (Span("   └─", "axis"),),
        )
    )
    root = read(picture, 'a "<b>" & c')
    texts = {element.text: element.get("x") for element in root.iter(f"{SVG}text")}
    assert texts == {"0.9": "0", "two words": str(8 * 8), "★": str(8 * 20)}
    assert len(boxes(root, "median")) == 2
    opacities = [path.get("opacity") for path in root.iter(f"{SVG}path") if path.get("opacity")]
    assert opacities == ["0.3", "0.75"]
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text == 'a "<b>" & c'
    assert (root.get("width"), root.get("height")) == (str(21 * 8), str(2 * 16))


def test_a_chart_is_well_formed_and_names_are_text():
    source = source_of([5.0, 3.0, 4.0, 2.0, 6.0, 1.0], states=MIXED_STATES)
    picture = draw_history(source, width=80, height=20).picture
    root = read(picture)
    assert boxes(root, "best")
    shown = "".join(element.text or "" for element in root.iter(f"{SVG}text"))
    assert "trial" in shown
    hostile = Picture(((Span('<script>"&', "note"),),))
    assert [element.text for element in read(hostile).iter(f"{SVG}text")] == ['<script>"&']
    assert read(Picture()).get("height") == "16"
    odd = "\0\x1b\x85\ud800\ufffe\uffff"
    named = picture_svg(Picture(((Span(safe_line(odd), "note"),),)), odd)
    assert ElementTree.fromstring(named).findtext(f"{SVG}title") == safe_line(odd)


def test_it_can_stand_alone_with_colours():
    text = picture_svg(
        Picture(((Span("█", "best"),),)), "x", colours={"best": "#a05a00"}, ground="#fff"
    )
    root = ElementTree.fromstring(text)
    style = root.find(f"{SVG}style")
    assert style is not None
    assert style.text == svg_style({"best": "#a05a00"})
    assert ".picture .best{fill:#a05a00}" in (style.text or "")
    assert root.find(f"{SVG}rect") is not None

"""A picture that moves holds what its pictures share once, and shows the right parts."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from tests.pictures.moving import Shown, moving_picture

_SCREEN = """<svg class="rich-terminal" viewBox="0 0 200 100" xmlns="http://www.w3.org/2000/svg">
<style>.terminal-{id}-r1 {{ fill: #ffffff }}
.terminal-{id}-r2 {{ fill: #{colour};font-weight: bold }}</style>
<g transform="translate(9, 41)" clip-path="url(#x)">
<rect fill="#101010" x="0" y="1.5" width="190" height="24.65" shape-rendering="crispEdges"/>
<g class="terminal-{id}-matrix">
<text class="terminal-{id}-r1" x="0" textLength="61" y="20" clip-path="url(#y)">always</text>
<text class="terminal-{id}-r2" x="0" textLength="61" y="44.4" clip-path="url(#y)">{text}</text>
<path class="terminal-{id}-r1" transform="translate(12.2 24.4) scale(1.525)" d="M1 2h3V4"/>
</g></g></svg>"""


def screen(at: int, text: str, colour: str = "ff0000") -> str:
    return _SCREEN.format(id=at, text=text, colour=colour)


def test_parts_are_seen_in_their_pictures() -> None:
    texts = ("one", "two", "one", "three")
    shown = [Shown(screen(at, text), 1.0) for at, text in enumerate(texts)]
    picture = moving_picture(shown, title="It moves")
    ElementTree.fromstring(picture)
    assert picture.count("always") == 1
    assert picture.count(">one<") == 1
    assert "clip-path" not in picture
    assert '<path class="s0" transform="scale(1.525)" d="M9.0 18.0h3V20.0"/>' in picture
    groups = dict(re.findall(r'<g class="(f\d+)"><text [^>]*>(\w+)</text>', picture))
    rules = {
        groups[name]: (steps, seen, seconds)
        for name, steps, seen, seconds in re.findall(
            r"@keyframes (f\d+)\{(.*?)\}\.f\d+\{visibility:(\w+);animation:f\d+ (\w+)", picture
        )
    }
    show, hide = "{visibility:visible}", "{visibility:hidden}"
    assert rules == {
        "one": (f"0%{show}25%{hide}50%{show}75%{hide}", "hidden", "4s"),
        "two": (f"0%{hide}25%{show}50%{hide}", "hidden", "4s"),
        "three": (f"0%{hide}75%{show}", "visible", "4s"),
    }


def test_a_part_of_another_colour_is_another_part() -> None:
    shown = [Shown(screen(1, "one"), 1.0), Shown(screen(2, "one", "00ff00"), 2.0)]
    picture = moving_picture(shown, title="It moves", still=0)
    assert picture.count(">one<") == 2
    assert ".f0{visibility:visible;animation:f0 3s step-end infinite}" in picture

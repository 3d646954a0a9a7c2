"""A report laid out: as text, or as one HTML page that needs nothing else.

The page is light or dark, as its reader's system is.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from hptui.cli.output.detail_lines import field_line
from hptui.cli.output.picture_output import picture_text
from hptui.cli.output.table import render_table
from hptui.domain.texts.text import safe_line, safe_text
from hptui.figures.canvas.picture import COLOURED, FINE, Look
from hptui.figures.canvas.ramp import VIRIDIS, ramp_colours
from hptui.figures.canvas.roles import ROLES, Role
from hptui.figures.canvas.svg import picture_svg, svg_style
from hptui.figures.request import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hptui.cli.output.report_content import Report, Section
    from hptui.domain.texts.text_table import TextTable
    from hptui.figures.request import TitledFigure


_WIDTH: Final = 104
_LIGHT: Final[Mapping[Role, str]] = {
    "axis": "#a4977c",
    "label": "#6b6455",
    "trial": "#4a7850",
    "best": "#a05a00",
    "pruned": "#8a5a2b",
    "failed": "#b02a2a",
    "running": "#23618e",
    "stale": "#6b6455",
    "infeasible": "#b02a2a",
    "target": "#a05a00",
    "selected": "#2b2823",
    "median": "#8d8674",
    "note": "#6b6455",
    "series-1": "#23618e",
    "series-2": "#a05a00",
    "series-3": "#35713b",
    "series-4": "#8a3b8f",
    "series-5": "#0b6f7d",
    "series-6": "#b02a2a",
    **ramp_colours(VIRIDIS, is_dark=False),
}
_DARK: Final[Mapping[Role, str]] = {
    "axis": "#5b6b82",
    "label": "#97a3b3",
    "trial": "#6f9a86",
    "best": "#ffc861",
    "pruned": "#c99567",
    "failed": "#ea7a7a",
    "running": "#7fb0e6",
    "stale": "#97a3b3",
    "infeasible": "#ea7a7a",
    "target": "#ffc861",
    "selected": "#f2f5f9",
    "median": "#8593a6",
    "note": "#97a3b3",
    "series-1": "#7fb0e6",
    "series-2": "#ffc861",
    "series-3": "#93c48b",
    "series-4": "#d996cc",
    "series-5": "#62c7c2",
    "series-6": "#ea7a7a",
    **ramp_colours(VIRIDIS, is_dark=True),
}
_LIGHT_PAGE: Final = "--ground:#fbf8f1;--ink:#2b2823;--quiet:#6b6455;--rule:#e0d8c6;--shade:#f3eee2"
_DARK_PAGE: Final = "--ground:#10141b;--ink:#d3dae3;--quiet:#97a3b3;--rule:#2c3747;--shade:#161c25"
_LAYOUT: Final = """
body{margin:0 auto;max-width:60rem;padding:2rem 1.5rem;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:2.2rem 0 .4rem;padding-top:.6rem;
border-top:1px solid var(--rule)}h3{font-size:.95rem;margin:1.2rem 0 .3rem;font-weight:600}
p{margin:.3rem 0}.about{color:var(--quiet);font-size:.85rem;overflow-wrap:anywhere}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}
caption{text-align:left;color:var(--quiet);padding:.2rem 0}
th,td{padding:.15rem 1rem .15rem 0;text-align:left;vertical-align:top;overflow-wrap:anywhere}
th{font-weight:600}thead th{border-bottom:1px solid var(--rule);white-space:nowrap}
.facts th{color:var(--quiet);font-weight:400;white-space:nowrap}
td.right,th.right{text-align:right;font-variant-numeric:tabular-nums}
pre{background:var(--shade);padding:.8rem 1rem;overflow-x:auto;white-space:pre-wrap;font-size:.9rem}
figure{margin:.6rem 0 1.2rem}svg{max-width:100%;height:auto}
@media print{h2{break-after:avoid}figure,table{break-inside:avoid}}
"""


def report_html(report: Report) -> str:
    """Return the page."""
    title = _line(report.title)
    rows = "".join(
        f'<tr><th scope="row">{_line(label)}</th><td>{_line(text)}</td></tr>'
        for label, text in report.facts
    )
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{title}: report</title><style>{_style()}</style></head><body><main>",
        f'<h1>{title}</h1><p class="about">{_line(report.about)}</p>',
        f'<table class="facts"><tbody>{rows}</tbody></table>',
        *(_section(section) for section in report.sections),
        "</main></body></html>\n",
    ]
    return "\n".join(parts)


def _style() -> str:
    colours: dict[Role, str] = {role: f"var(--{role})" for role in ROLES}
    return (
        f":root{{{_LIGHT_PAGE};{_variables(_LIGHT)}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{_DARK_PAGE};{_variables(_DARK)}}}}}"
        f"{_LAYOUT}{svg_style(colours)}"
    )


def _variables(colours: Mapping[Role, str]) -> str:
    return ";".join(f"--{role}:{colour}" for role, colour in colours.items())


def _section(section: Section) -> str:
    return f"<section><h2>{_line(section.title)}</h2>{''.join(_parts(section))}</section>"


def _parts(section: Section) -> Iterator[str]:
    for sentence in section.sentences:
        yield f"<p>{_line(sentence)}</p>"
    if section.preformatted:
        yield f"<pre>{html.escape(safe_text(section.preformatted))}</pre>"
    for table in section.tables:
        yield _table(table)
    for titled in section.figures:
        yield _figure(titled, section.height)


def _table(table: TextTable) -> str:
    sides = [f' class="{column.align}"' for column in table.columns]
    head = "".join(
        f'<th scope="col"{side}>{_line(column.title)}</th>'
        for column, side in zip(table.columns, sides, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(f"<td{side}>{_line(cell)}</td>" for cell, side in zip(row, sides, strict=True))
        + "</tr>"
        for row in table.rows
    )
    caption = f"<caption>{_line(table.caption)}</caption>" if table.caption else ""
    return (
        f'<div class="wide"><table>{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _figure(titled: TitledFigure, height: int) -> str:
    figure = titled.draw(Frame(_WIDTH, height, COLOURED))
    title = safe_line(titled.title)
    shown = html.escape(title)
    if figure.sentence:
        return f"<h3>{shown}</h3><p>{html.escape(figure.sentence)}</p>"
    return f"<h3>{shown}</h3><figure>{picture_svg(figure.picture, title)}</figure>"


def _line(text: str) -> str:
    return html.escape(safe_line(text, max_chars=2_000))


def report_text(report: Report, *, width: int, look: Look = FINE, n_colours: int = 0) -> str:
    """Return the lines of a report; those of its tables may be longer than `width`."""
    lines = [
        f"{safe_line(report.title)}   {safe_line(report.about, max_chars=1_000)}",
        *(field_line(label, text) for label, text in report.facts),
    ]
    for section in report.sections:
        lines += [
            "",
            safe_line(section.title),
            *_section_lines(section, width, look, n_colours),
        ]
    text = "\n".join(lines) + "\n"
    return text if look.unicode else text.encode("ascii", "replace").decode("ascii")


def _section_lines(section: Section, width: int, look: Look, n_colours: int) -> Iterator[str]:
    for sentence in section.sentences:
        yield f"  {safe_line(sentence, max_chars=1_000)}"
    for line in safe_text(section.preformatted).splitlines():
        yield f"  {line}"
    for table in section.tables:
        for line in render_table(table.columns, table.rows):
            yield f"  {line}"
    for titled in section.figures:
        yield f"  {safe_line(titled.title)}"
        figure = titled.draw(Frame(width, section.height, look))
        yield (
            f"  {figure.sentence}"
            if figure.sentence
            else picture_text(figure.picture, n_colours=n_colours)
        )

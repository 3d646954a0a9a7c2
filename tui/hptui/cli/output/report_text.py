"""A report as text for a terminal or a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.cli.output.detail_lines import field_line
from hptui.cli.output.picture_output import picture_text
from hptui.cli.output.table import render_table
from hptui.domain.text import safe_line, safe_text
from hptui.figures.canvas.picture import FINE
from hptui.figures.request import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.cli.output.report_content import Report, Section
    from hptui.figures.canvas.picture import Look


def report_text(report: Report, *, width: int, look: Look = FINE, n_colours: int = 0) -> str:
    """Return the lines of a report; those of its tables may be longer than `width`."""
    lines = [
        f"{safe_line(report.title)}   {safe_line(report.about, max_chars=1_000)}",
        *(field_line(label, text) for label, text in report.facts),
    ]
    for section in report.sections:
        lines += ["", safe_line(section.title), *_section(section, width, look, n_colours)]
    text = "\n".join(lines) + "\n"
    return text if look.unicode else text.encode("ascii", "replace").decode("ascii")


def _section(section: Section, width: int, look: Look, n_colours: int) -> Iterator[str]:
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

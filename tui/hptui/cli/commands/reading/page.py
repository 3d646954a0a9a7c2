"""`hptui page`: a figure of Optuna's own as an interactive page for a browser."""

from __future__ import annotations

import html
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.cli.commands.reading.plot import add_figure_options, read_request
from hptui.cli.options.filter_option import check_filter
from hptui.cli.options.locate import add_study_argument
from hptui.cli.options.option_values import require_free
from hptui.cli.options.plot_options import check_page_options
from hptui.cli.output.links import file_link
from hptui.domain.study_name import file_name_for
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.errors import MissingExtraError, UsageError
from hptui.figures.kinds import PAGE_KINDS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from hptui.cli.output.page_figures import PageFigure
    from hptui.figures.request import FigureRequest

_EPILOG = """\
The page holds all that it needs and opens without a network. Trials can be zoomed, and pointed at.
"""
_HEIGHT_PX: Final = 640
_STYLE: Final = (
    "body{font-family:system-ui,sans-serif;margin:1.5rem;color:#222;background:#fff}"
    "h1{font-size:1.3rem;margin:0}h2{font-size:1rem;margin:1.5rem 0 0}p{color:#555;margin:.3rem 0}"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui page`."""
    parser.epilog = _EPILOG
    add_study_argument(parser)
    parser.add_argument(
        "kind",
        metavar="KIND",
        choices=tuple(PAGE_KINDS),
        nargs="?",
        default="history",
        help=f"as for hptui plot: {', '.join(PAGE_KINDS)}",
    )
    parser.add_argument(
        "--output",
        "-o",
        type=Path,
        metavar="FILE",
        help="where to write, .html (default: STUDY-KIND.html, here)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    parser.add_argument(
        "--open", action="store_true", help="open the page in the browser, if there is a display"
    )
    add_figure_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON: file, figures, opened")


def run(args: argparse.Namespace) -> int:
    """Write the page and say where it is."""
    kind = PAGE_KINDS[args.kind]
    check_page_options(kind, args)
    check_filter(args.filter)
    if args.output is not None and args.output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(
            f"{safe_line(args.output.name)} must end in .html.",
            hint="hptui plot draws in the terminal.",
        )
    _require_plotly()
    request = read_request(args)

    from hptui.cli.output.page_figures import page_figures
    from hptui.storage.transfer.copying import staged_file

    target = args.output or Path(file_name_for(request.study.name, f"-{kind.name}.html"))
    target = target.absolute()
    require_free(target, overwrite=args.overwrite)
    with staged_file(target, overwrite=args.overwrite) as draft:
        figures = page_figures(kind, request)
        text = _page(request, kind.name, args.filter, figures)
        # What a file calls itself may hold what no encoding has.
        draft.write_text(text, "utf-8", errors="backslashreplace")
    is_opened = args.open and _open(target)
    if args.json:
        print(dump({"file": str(target), "figures": len(figures), "opened": is_opened}))
        return 0
    print(file_link(target))
    if args.open and not is_opened:
        print("There is no display. Copy the page to a machine with a browser.", file=sys.stderr)
    return 0


def _require_plotly() -> None:
    if find_spec("plotly") is None:
        raise MissingExtraError(
            "Interactive pages need the package plotly: pip install 'hptui[plot]'",
            hint="hptui plot draws in the terminal and needs no extra package.",
        )


def _page(
    request: FigureRequest, kind: str, filter_text: str | None, figures: Sequence[PageFigure]
) -> str:
    names = _text(", ".join(study.name for study in request.studies))
    n_trials = sum(len(study.trials.numbers) for study in request.studies)
    about = plural(n_trials, "trial")
    if filter_text is not None:
        about += f", matching <code>{_text(filter_text)}</code>"
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{names}: {kind}</title>',
        f"<style>{_STYLE}</style></head>",
        f"<body><h1>{names}: {kind}</h1><p>{about}</p>",
    ]
    for index, each in enumerate(figures):
        parts.append(f"<h2>{_text(each.title)}</h2>")
        parts += [f"<p>{_text(sentence)}</p>" for sentence in each.sentences]
        parts.append(
            each.figure.to_html(
                full_html=False,
                # Plotly itself, once, so that the page needs no network.
                include_plotlyjs=index == 0,
                default_height=f"{_HEIGHT_PX}px",
                config={"displaylogo": False, "responsive": True},
            )
        )
    parts.append("</body></html>\n")
    return "\n".join(parts)


def _text(text: str) -> str:
    return html.escape(safe_line(text, max_chars=2_000))


def _open(target: Path) -> bool:
    """Show a page in the browser, and say whether that could be done."""
    import webbrowser

    has_display = sys.platform == "darwin" or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return has_display and webbrowser.open(target.as_uri())

"""`hptui report`: what a person needs to know of a study, on one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.cli.options.filter_option import add_filter_option, check_filter
from hptui.cli.options.locate import add_study_argument
from hptui.cli.options.option_values import require_free
from hptui.cli.output.links import file_link
from hptui.cli.output.picture_output import look_of
from hptui.cli.output.terminal import Terminal
from hptui.domain.study_name import file_name_for
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse

_EPILOG = """\
The page shows what is tuned, the progress, the best trial or the Pareto front, whether more trials
are worth it, history, importance and slices of parameters, workers over time, failures by cause,
the search space and the note. It opens without a network. The study may be running.
"""
_FILE_WIDTH: Final = 100
_PAGE_SUFFIXES: Final = (".html", ".htm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui report`."""
    parser.epilog = _EPILOG
    add_study_argument(parser)
    parser.add_argument(
        "--output",
        "-o",
        type=Path,
        metavar="FILE",
        help="where to write: .html, or any with --text (default: STUDY-report.html, here)",
    )
    parser.add_argument(
        "--text",
        action="store_true",
        help="write plain text, to standard output unless FILE is given",
    )
    add_filter_option(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")


def run(args: argparse.Namespace) -> int:
    """Write the report and say where it is, or print it."""
    from hptui.cli.output.read_plotted import read_plotted

    check_filter(args.filter)
    if args.overwrite and args.text and args.output is None:
        raise UsageError("--overwrite needs --output.")
    output: Path | None = args.output
    if not args.text and output is not None and output.suffix.lower() not in _PAGE_SUFFIXES:
        raise UsageError(
            f"{safe_line(output.name)} must end in .html.",
            hint="--text writes text to any file.",
        )
    study = read_plotted(args.study, args.studies, args.filter)

    from hptui.cli.output.report_content import build_report
    from hptui.cli.output.report_layout import report_text
    from hptui.storage.transfer.copying import staged_file

    if args.text and output is None:
        terminal = Terminal.of_stdout()
        report = build_report(study, args.filter)
        print(
            report_text(
                report,
                width=terminal.width,
                look=look_of(terminal),
                n_colours=terminal.n_colours,
            ),
            end="",
        )
        return 0
    target = (output or Path(file_name_for(study.name, "-report.html"))).absolute()
    require_free(target, overwrite=args.overwrite)
    with staged_file(target, overwrite=args.overwrite) as draft:
        report = build_report(study, args.filter)
        if args.text:
            text = report_text(report, width=_FILE_WIDTH)
        else:
            from hptui.cli.output.report_layout import report_html

            text = report_html(report)
        # What a study calls things may hold what no encoding has.
        draft.write_text(text, "utf-8", errors="backslashreplace")
    print(file_link(target))
    return 0

"""`hptui tag`: the tags of a study, or of many of its trials at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.cli.options.filter_option import add_filter_option, check_filter, chosen_rows
from hptui.cli.options.locate import add_study_argument, locate_study
from hptui.cli.options.mirrored import catch_up_mirror
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from hptui.domain.study_ref import StudyRef

_EPILOG = """\
Tags are a list of texts in the user attribute hptui:tags. You can change them while the study runs,
also those of trials that have ended. `hptui ls --tag TAG` and the filter tag:TAG find them again.
Without --add, --remove and --clear, prints the tags; --json prints an object for each trial with
the keys number and tags, or for a study one with study and tags.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui tag`."""
    parser.epilog = _EPILOG
    add_study_argument(parser)
    parser.add_argument(
        "trials",
        metavar="TRIAL",
        type=int,
        nargs="*",
        help="trial numbers (default: the study itself)",
    )
    parser.add_argument("--add", metavar="TAG", action="append", default=[], help="add a tag")
    parser.add_argument("--remove", metavar="TAG", action="append", default=[], help="remove a tag")
    parser.add_argument("--clear", action="store_true", help="remove all tags, before --add")
    add_filter_option(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print tags, or change them."""
    from hptui.domain.texts.notes import check_tag

    check_filter(args.filter)
    add, remove = tuple(map(check_tag, args.add)), tuple(args.remove)
    both = next((tag for tag in add if tag in remove), None)
    if both is not None:
        raise UsageError(f"The tag {safe_line(both)!r} is both added and removed.")
    if args.trials and args.filter is not None:
        raise UsageError("Give trial numbers or --filter, not both.")
    place = locate_study(args.study, studies=args.studies)
    trials = _trials(args, place)
    if not (add or remove or args.clear):
        _print(args, place, trials)
        return 0
    if trials is not None and not trials:
        _tell(args, 0, f"No trial of {safe_line(place.study_name)} matches; nothing was changed.")
        return 0
    from hptui.engine.studies.annotations import save_edit
    from hptui.storage.annotations.changes import TagEdit

    edit = TagEdit(trials, add, remove, args.clear)
    changed = save_edit(place.path, place.study_name, edit)
    catch_up_mirror(place.path)
    if trials is None:
        how = "Changed the" if changed else "No change to the"
        _tell(args, changed, f"{how} tags of {safe_line(place.study_name)}.")
    else:
        chosen = plural(len(trials), "trial")
        _tell(args, changed, f"Changed the tags of {changed} of {chosen}.")
    return 0


def _trials(args: argparse.Namespace, place: StudyRef) -> tuple[int, ...] | None:
    """Return the numbers of the trials that are meant; None for the study itself."""
    if args.filter is None:
        return tuple(args.trials) or None
    from hptui.storage.read.study_reader import StudyReader

    with StudyReader(place.path, place.study_name) as reader:
        reader.refresh()
        chosen = chosen_rows(args.filter, reader)
        return tuple(int(number) for number in reader.trials.numbers[chosen])


def _print(args: argparse.Namespace, place: StudyRef, trials: tuple[int, ...] | None) -> None:
    if trials is None:
        from hptui.storage.read.studies import read_summary

        tags = read_summary(place.path, place.study_name).tags
        if args.json:
            print(dump({"study": place.study_name, "tags": tags}))
        for tag in () if args.json else tags:
            print(safe_line(tag))
        return
    found = _tags_of_trials(place, trials, is_chosen=args.filter is not None)
    for number in trials:
        if args.json:
            print(dump({"number": number, "tags": found.get(number, ())}, indent=None))
        elif found.get(number):
            print(f"{number}  {', '.join(safe_line(tag) for tag in found[number])}")


def _tags_of_trials(
    place: StudyRef, trials: tuple[int, ...], *, is_chosen: bool
) -> dict[int, tuple[str, ...]]:
    from hptui.storage.read.text_fields import FileTexts
    from hptui.storage.read.trial_detail import read_trial

    if not is_chosen:
        # Says so when there is no such trial.
        return {each: read_trial(place.path, place.study_name, each).tags for each in trials}
    tags = FileTexts(place.path, place.study_name).tags()
    return {number: tuple(found) for number, found in tags}


def _tell(args: argparse.Namespace, changed: int, sentence: str) -> None:
    print(dump({"changed": changed}) if args.json else sentence)

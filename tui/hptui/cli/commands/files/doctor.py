"""`hptui doctor`: find what a crash left behind, what is odd or in the way, and mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hptui.cli.options.locate import (
    add_studies_option,
    locate_file,
    locate_study,
    studies_folder,
)
from hptui.cli.options.mirrored import source_of, with_password
from hptui.cli.options.option_values import typed
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.run_text import read_duration
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError, StudyFileError, UsageError
from hptui.storage.files.studies_folder import study_files

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from hptui.engine.recovery.checks import Examination
    from hptui.storage.files.validation import FileReport
    from hptui.storage.mirror.address import SourceAddress

_EPILOG = """\
Checks for stale trials (their engine died), leases of dead engines, results that could not be
stored, folders and logs that belong to no trial, drafts and half-done changes of killed commands,
an old schema, damage, and free space in the file.
Trials of other programs and machines are reported and left alone. --fix applies all fixes; it does
not touch a running study.
Of studies on PostgreSQL, MySQL or MariaDB (ADDRESS or ADDRESS#STUDY) it checks running trials:
those whose last heartbeat is older than --grace are stale, and --fix marks them as failed by Optuna
itself. Trials without a heartbeat are reported and left alone. There, file is the address.
The exit code is 1 if something is wrong and not fixed. --json prints
the keys study, file, healthy, engine, engine_is_running, leftover, running_elsewhere, findings
(id, text, remedy, hint, can_be_undone, trouble), settled, done: for one STUDY an object, else an
array, in which study is null for the folder itself.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui doctor`."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "study",
        metavar="STUDY",
        nargs="*",
        help="a study's name, path/to/file.db, file.db:name, or ADDRESS[#name] of a server; none: "
        "all in the folder",
    )
    add_studies_option(parser)
    parser.add_argument("--fix", action="store_true", help="apply all fixes")
    parser.add_argument("--only", metavar="ID", help="with --fix: only the finding with this id")
    remedy = parser.add_mutually_exclusive_group()
    remedy.add_argument("--fail", action="store_true", help="mark stale trials as failed")
    remedy.add_argument("--requeue", action="store_true", help="also try their parameters again")
    parser.add_argument(
        "--grace",
        type=typed(read_duration),
        metavar="TIME",
        help="how old the last heartbeat of a trial on a server may be (default: 2m, twice the "
        "interval in Optuna's manual)",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(args: argparse.Namespace) -> int:
    """Print what was found, and mend it when asked to."""
    if args.only is not None and not args.fix:
        raise UsageError("--only chooses what --fix fixes. Add --fix.")
    places = [(text, _server(text)) for text in args.study]
    if args.grace is not None and not any(address for _, address in places):
        raise UsageError("--grace is about studies on servers. Give the address of one.")
    if len(places) != 1 and (args.fail or args.requeue) and not args.fix:
        raise _not_one()
    answers: list[dict[str, Any]] = []
    for text, address in places:
        if address is None:
            answers += [_attend(args, found) for found in _of(text, args)]
        else:
            answers += _attend_there(args, address)
    if not places:
        answers += [_attend(args, found) for found in _in_all(studies_folder(args.studies))]
    if args.json:
        print(dump(answers[0] if len(places) == 1 and len(answers) == 1 else answers))
    elif not answers:
        where = [address.shown for _, address in places if address is not None]
        print(f"There are no studies in {safe_line(*where[:1] or [studies_folder(args.studies)])}.")
    return 0 if all(answer["healthy"] for answer in answers) else 1


def _server(text: str) -> SourceAddress | None:
    """Return the database server that STUDY means; of a journal the mirror is examined."""
    address = source_of(text)
    return address if address is not None and address.is_changeable else None


def _attend_there(args: argparse.Namespace, address: SourceAddress) -> list[dict[str, Any]]:
    """Do for the studies of a server what `_attend` does for one in a file."""
    from hptui.engine.recovery.checks import to_json
    from hptui.engine.recovery.server_checks import examine_there, fail_stale_there
    from hptui.storage.mirror.heartbeats import GRACE_S

    grace_s = GRACE_S if args.grace is None else args.grace
    address, examined = with_password(address, lambda it: examine_there(it, grace_s))
    if len(examined) > 1 and (args.fail or args.requeue) and not args.fix:
        raise _not_one()
    if args.only not in (None, *(each.id for found in examined for each in found.findings)):
        raise UsageError(f"There is no finding {safe_line(args.only, max_chars=60)!r}.")
    if (args.fail or args.requeue) and not args.fix and examined and not examined[0].left:
        raise UsageError(f"{safe_line(examined[0].study_name)} has no stale trials.")
    answers: list[dict[str, Any]] = []
    for before in examined:
        found, settled, done = before, None, list[str]()
        chosen = args.only in (None, "leftover")
        if before.left and (args.fail or args.requeue or (args.fix and chosen)):
            name, settled = before.study_name, "requeue" if args.requeue else "fail"
            said = fail_stale_there(address, name, grace_s, requeue=args.requeue)
            done = [f"{before.findings[0].text} {said}"]
            (found,) = examine_there(address.with_study(name), grace_s)
        leftover = to_json(before)["leftover"]
        answers.append(
            {**to_json(found), "file": address.shown, "leftover": leftover}
            | {"settled": settled, "done": done}
        )
        if not args.json:
            print("\n".join(_describe(found, done)))
    return answers


def _not_one() -> UsageError:
    return UsageError("Without --fix, --fail and --requeue take one study.")


def _in_all(folder: Path) -> Iterator[Examination]:
    """Yield what was found, the folder first: what is mended there may move files."""
    yield from _in_folder(folder)
    for path in study_files(folder):
        yield from _in_file(path)


def _of(text: str, args: argparse.Namespace) -> list[Examination]:
    from hptui.engine.recovery.checks import examine_file, examine_study, require_sound, unfit_file

    resume = args.fix and args.only is None
    try:
        place = locate_study(text, studies=args.studies, resume=resume)
    except StudyFileError:
        path = locate_file(text, studies=args.studies, resume=resume)
        report = examine_file(path)
        has_no_study = report.kind == "optuna" and not _names(path, report)
        if not has_no_study and not (args.fix and report.kind in ("older", "empty")):
            raise
        return [unfit_file(path, report)]
    require_sound(examine_file(place.path))
    return [examine_study(place.path, place.study_name)]


def _in_folder(folder: Path) -> list[Examination]:
    """Examine a folder itself; it is told of only where there is something."""
    from hptui.engine.recovery.checks import examine_folder

    found = examine_folder(folder)
    return [found] if found.findings else []


def _in_file(path: Path) -> list[Examination]:
    """Examine all studies of a file; one that cannot be read is a finding itself."""
    from hptui.engine.recovery.checks import (
        Examination,
        Finding,
        examine_file,
        examine_study,
        unfit_file,
    )

    report = examine_file(path)
    try:
        names = _names(path, report)
        if not names:
            return [unfit_file(path, report)]
        return [
            examine_study(path, name, with_file=not at, with_folder=False)
            for at, name in enumerate(names)
        ]
    except HptuiError as error:
        return [Examination(path, path.stem, findings=[Finding("file", error.message)])]


def _names(path: Path, report: FileReport) -> list[str]:
    """Return the names of a file's studies; none where it is no study file."""
    from hptui.storage.read.studies import study_names

    return study_names(path) if report.kind == "optuna" else []


def _attend(args: argparse.Namespace, found: Examination) -> dict[str, Any]:
    """Mend what is to be mended, print what was found and done, and return both."""
    from hptui.engine.recovery.checks import to_json

    before, settled, done = found, None, list[str]()
    if args.fix:
        found, done = _fix(args, found)
        was_left = bool(before.left) and not found.left
        settled = ("requeue" if args.requeue else "fail") if was_left else None
    elif args.fail or args.requeue:
        settled = "requeue" if args.requeue else "fail"
        found, done = _settle(found, requeue=args.requeue)
    answer = {**to_json(found), "settled": settled, "done": done}
    if settled is not None:
        # What was left is what the answer is about, though it is left no more.
        answer["leftover"] = to_json(before)["leftover"]
    if not args.json:
        print("\n".join(_describe(found, done)))
    return answer


def _fix(args: argparse.Namespace, found: Examination) -> tuple[Examination, list[str]]:
    from hptui.engine.recovery.fixes import mend, mend_all

    if found.is_running:
        # Nothing of it has a remedy now; findings say so.
        return found, []
    if args.only is None:
        done = mend_all(found, requeue=args.requeue)
        return _again(found), done
    finding = next((each for each in found.findings if each.id == args.only), None)
    if finding is None:
        raise UsageError(f"There is no finding {safe_line(args.only, max_chars=60)!r}.")
    done = [f"{finding.text} {mend(found, finding, requeue=args.requeue)}"]
    return _again(found), done


def _settle(found: Examination, *, requeue: bool) -> tuple[Examination, list[str]]:
    from hptui.engine.recovery.fixes import mend
    from hptui.engine.recovery.lease import busy_error

    if found.is_running and found.lease is not None:
        raise busy_error(found.path, found.lease)
    left = next((each for each in found.findings if each.id == "leftover"), None)
    if left is None:
        raise UsageError(f"{safe_line(found.study_name)} has no stale trials.")
    done = [f"{left.text} {mend(found, left, requeue=requeue)}"]
    return _again(found), done


def _again(found: Examination) -> Examination:
    from hptui.engine.recovery.checks import examine_file, examine_folder, examine_study, unfit_file

    if not found.study_name or not found.path.exists():
        return examine_folder(found.folder)
    report = examine_file(found.path)
    names = _names(found.path, report)
    if not names:
        return unfit_file(found.path, report)
    name = found.study_name if found.study_name in names else names[0]
    with_folder = any(finding.id.startswith(("draft:", "change")) for finding in found.findings)
    return examine_study(found.path, name, with_folder=with_folder)


def _describe(found: Examination, done: list[str]) -> list[str]:
    name = safe_line(found.study_name or found.path)
    lines = [f"{name}: {text}" for text in done]
    if found.is_running and found.lease is not None and not found.lease.is_unseen:
        host = safe_line(found.lease.host)
        lines.append(f"Process {found.lease.pid} on {host} is running {name}.")
    for finding in found.findings:
        lines.append(f"{name}: {finding.text}")
        if finding.remedy:
            asks = ", --requeue also tries their parameters again" * (finding.id == "leftover")
            option = "--fix" if finding.is_trouble else f"--fix --only {finding.id}"
            lines.append(f"  {option}: {finding.remedy}{asks}.")
        elif finding.hint:
            lines.append(f"  {safe_line(finding.hint, max_chars=400)}")
    if found.is_healthy and not found.is_running:
        lines.append(f"{name}: healthy.")
    return lines

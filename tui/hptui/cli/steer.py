"""Steering a running study from any shell: status, pause, resume, stop, kill, jobs and so on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hptui.cli.locate import add_study_argument, locate_study
from hptui.domain.readable import show_duration
from hptui.domain.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command that `parser` is for."""
    command = parser.get_default("command")
    add_study_argument(parser)
    if command == "stop":
        parser.add_argument("--now", action="store_true", help="end running trials at once")
    elif command == "kill":
        parser.add_argument("trial", metavar="TRIAL", type=int, help="the trial's number")
    elif command == "jobs":
        parser.add_argument("n", metavar="N", type=int, help="how many trials may run at once")
    elif command == "enqueue":
        parser.add_argument("--params", required=True, metavar="JSON", help="""like '{"lr": 1}'""")
    elif command == "extend":
        parser.add_argument("--trials", required=True, type=int, metavar="N", help="trials to add")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def run(args: argparse.Namespace) -> int:
    """Ask the engine and print its answer."""
    from hptui.engine.client import ask_engine

    place = locate_study(args.study, studies=args.studies)
    message: dict[str, Any] = {"op": args.command}
    for name in ("now", "trial", "n", "trials"):
        if hasattr(args, name):
            message[name] = getattr(args, name)
    if args.command == "enqueue":
        message["params"] = _params(args.params)
    answer = ask_engine(place.path, place.study_name, message)
    if args.json:
        print(json.dumps({key: value for key, value in answer.items() if key != "ok"}))
    elif args.command == "status":
        print("\n".join(describe_status(answer)))
    else:
        print(safe_line(answer.get("text", "Done.")))
    return 0


def _params(text: str) -> dict[str, Any]:
    try:
        params: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--params is not JSON: {error}.") from error
    if not isinstance(params, dict):
        raise UsageError("--params is no JSON object.", hint="""Write it like '{"lr": 0.01}'.""")
    return params  # pyright: ignore[reportUnknownVariableType] - keys of JSON objects are str


def describe_status(status: dict[str, Any]) -> list[str]:
    """Return the lines that `hptui status` prints."""
    counts = status["counts"]
    ended = sum(counts.values())
    budget = f"{ended}/{status['n_trials']}" if status["n_trials"] else f"{ended} trials"
    rate = f"{status['rate']:.3g}/s" if status["rate"] else "-/s"
    eta = f", eta ~{show_duration(status['eta_s'])}" if status["eta_s"] is not None else ""
    lines = [
        f"{safe_line(status['study'])}: {status['state']}, {budget}, {rate}{eta}, "
        f"for {show_duration(status['elapsed_s'])} (process {status['pid']})",
        f"  this run   {counts['complete']} complete, {counts['pruned']} pruned, "
        f"{counts['fail']} failed, {status['running']} running, {status['waiting']} waiting",
    ]
    if status["best"]:
        lines.append(
            f"  best       {status['best']['value']:.6g}  trial {status['best']['number']}"
        )
    sampler_ms = status["sampler_ms_a_trial"]
    cost = f" ({sampler_ms:.3g} ms a trial)" if sampler_ms is not None else ""
    lines.append(
        f"  search     {safe_line(status['sampler'])}{cost}, pruner {safe_line(status['pruner'])}"
    )
    lines.append(
        f"  execution  {status['backend']}, {len(status['slots'])} slots, "
        f"{status['threads_per_slot']} native threads each"
    )
    if status["trouble"]:
        lines.append(f"  trouble    {safe_line(status['trouble'])}")
    lines += [_describe_slot(slot) for slot in status["slots"]]
    return lines


def _describe_slot(slot: dict[str, Any]) -> str:
    if slot["trial"] is None:
        return f"  slot {slot['slot'] + 1:<4}   idle"
    step = f"  step {slot['step']}  {slot['value']:.4g}" if slot["step"] is not None else ""
    ending = "  being ended" if slot["ending"] else ""
    return (
        f"  slot {slot['slot'] + 1:<4}   trial {slot['trial']}  "
        f"{show_duration(slot['running_s'])}{step}{ending}"
    )

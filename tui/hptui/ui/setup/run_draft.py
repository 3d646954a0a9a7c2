"""How long, how wide and under which name a study runs, while it is edited."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, cast, get_args

from hptui.domain.far_workers import CODE_FROM
from hptui.domain.next_run import NOTHING_PREPARED, NextRun
from hptui.domain.objective import Direction
from hptui.domain.repeats import read_repeats
from hptui.domain.resources import read_variables
from hptui.domain.study_name import check_study_name
from hptui.domain.texts.run_text import (
    DEFAULT_TRIALS,
    read_count,
    read_duration,
    read_seed,
    read_target,
    read_workers,
)
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError
from hptui.registry.loading.other_python import OWN, find_interpreter, read_python
from hptui.ui.setup.far_fields import (
    FAR_BACKENDS,
    FAR_KEYS,
    check_far,
    far_options,
    far_problems,
    far_reason,
    is_far,
)
from hptui.ui.setup.following_fields import (
    FOLLOWING_KEYS,
    NOTIFY_BEST,
    check_following,
    following_options,
    following_problems,
    notifies,
)
from hptui.ui.setup.resource_fields import (
    OF_DEVICES,
    PIN,
    RESOURCE_KEYS,
    check_resource,
    has_devices,
    probe_place_of,
    resource_options,
    resource_problems,
    seen_by_trials,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from hptui.domain.far_workers import FarWorkers
    from hptui.domain.script_study import ScriptStudy
    from hptui.registry.probing.probe import ProbePlace

RunKey = Literal[
    "name",
    "goal",
    "trials",
    "timeout",
    "target",
    "workers",
    "backend",
    "hosts",
    "scheduler",
    "worker-resources",
    "engine-address",
    "code",
    "host-python",
    "retry-lost",
    "lost-after",
    "trial-timeout",
    "seed",
    "leftovers",
    "devices",
    "per-device",
    "devices-per-trial",
    "threads",
    "memory",
    "pin",
    "ask-ahead",
    "env",
    "folder",
    "python",
    "repeat",
    "skip-duplicates",
    "callback",
    "log-to",
    "on-best",
    "on-end",
    "notify",
    "notify-best",
]

BACKENDS_HERE: Final = ("loky", "threading")
BACKENDS: Final = (*BACKENDS_HERE, *FAR_BACKENDS)
LEFTOVERS: Final = ("fail", "requeue", "leave")
ASK_AHEAD: Final = ("no", "yes")
SKIP_DUPLICATES: Final = ("no", "yes")
FINITE_SAMPLERS: Final = ("grid", "bruteforce")
"""They end a study by themselves."""
_ENDS: Final[tuple[RunKey, ...]] = ("trials", "timeout", "target")
_END_OPTIONS: Final[tuple[tuple[RunKey, str], ...]] = (
    ("trials", "--trials"),
    ("timeout", "--timeout"),
    ("target", "--target"),
)
_USUAL: Final[Mapping[RunKey, str]] = {"trials": str(DEFAULT_TRIALS)}
_SET_BY_SCRIPTS: Final[tuple[RunKey, ...]] = ("trials", "timeout", "seed")
_NEVER: Final = ("", "-", "–", "none")  # noqa: RUF001 - what empty fields show


@dataclass(frozen=True, slots=True)
class RunField:
    """One line of the form."""

    key: RunKey
    label: str
    help: str
    """One line."""
    choices: tuple[str, ...] = ()


FIELDS: Final[tuple[RunField, ...]] = (
    RunField("name", "name", "The study's name, and its file's"),
    RunField("goal", "goal", "minimize or maximize; separate several with commas"),
    RunField("trials", "trials", "How many trials to run; empty for as many as the time allows"),
    RunField("timeout", "time-out", "End the run after 90s, 5m or 1h30m"),
    RunField("target", "target", "End the run at this value"),
    RunField("workers", "workers", "How many trials run at once"),
    RunField(
        "backend",
        "backend",
        "loky: a process for each worker; threading: threads of one; ssh, dask: other machines",
        BACKENDS,
    ),
    RunField("hosts", "hosts", "Machines that ssh reaches: gpu1,gpu2:4; :4 means four workers"),
    RunField(
        "scheduler",
        "scheduler",
        "tcp://HOST:PORT, tls://HOST:PORT or its file; empty for a cluster on this machine",
    ),
    RunField("worker-resources", "resources", "What a trial takes of a dask worker: GPU=1"),
    RunField("engine-address", "address here", "Where dask workers reach this machine: HOST:PORT"),
    RunField(
        "code",
        "code",
        "same: it has the same path on all machines; ship: send it and hptui",
        CODE_FROM,
    ),
    RunField("host-python", "host python", "The Python on these machines; empty for the same path"),
    RunField("retry-lost", "retry lost", "How often a trial is repeated whose machine is lost"),
    RunField("lost-after", "lost after", "How long a machine may be silent: 30s, 5m"),
    RunField("trial-timeout", "trial time-out", "End a trial after 90s, 5m or 1h30m"),
    RunField("seed", "seed", "A number that makes the run repeatable with one worker"),
    RunField(
        "leftovers",
        "leftovers",
        "What to do with stale trials, whose engine died",
        LEFTOVERS,
    ),
    RunField("devices", "devices", "GPUs to share out: 0,1,2,3, auto for all, none to hide them"),
    RunField("per-device", "per device", "How many trials share one device"),
    RunField("devices-per-trial", "per trial", "How many devices each trial gets"),
    RunField("threads", "threads", "Native threads of a trial; empty for its share of the cores"),
    RunField("memory", "memory", "End a trial whose processes take more than 8G"),
    RunField("pin", "pin", "Whether each worker is pinned to its own cores", PIN),
    RunField(
        "ask-ahead",
        "ask ahead",
        "Ask for the next trial while others run: for slow samplers",
        ASK_AHEAD,
    ),
    RunField("env", "variables", 'For all trials: NAME=VALUE OTHER="two words"; not stored'),
    RunField("folder", "folder", "Where trials run; empty for the folder hptui was started in"),
    RunField(
        "python", "python", "Another Python for workers: a path, or a virtual environment's folder"
    ),
    RunField("repeat", "repeat", "How often each configuration runs, with other seeds"),
    RunField(
        "skip-duplicates",
        "skip tried",
        "Give a trial whose parameters were tried the values of the earlier one",
        SKIP_DUPLICATES,
    ),
    RunField("callback", "callbacks", "Call file.py:function with each trial that has ended"),
    RunField("log-to", "log to", "Log trials to mlflow:URI or wandb:PROJECT"),
    RunField("on-best", "on best", "A shell command for each new best trial; it gets JSON"),
    RunField("on-end", "on end", "A shell command for the end of the run; it gets JSON"),
    RunField("notify", "notify", "Notify apprise addresses when the run ends: mailto://me@lab"),
    RunField("notify-best", "notify best", "Notify them of each new best trial, too", NOTIFY_BEST),
)
_FIRST_CHOICES: Final[Mapping[RunKey, str]] = {
    "leftovers": LEFTOVERS[0],
    "ask-ahead": ASK_AHEAD[0],
    "pin": PIN[0],
    "skip-duplicates": SKIP_DUPLICATES[0],
    "notify-best": NOTIFY_BEST[0],
    "code": CODE_FROM[0],
}
_BEFORE_OTHERS: Final = ("devices", "backend")
_NEVER_EMPTY: Final = ("name", "workers", "backend", *_FIRST_CHOICES)


@dataclass(frozen=True, slots=True)
class RunDraft:
    """The fields as they are typed; every change is checked and gives another draft."""

    texts: Mapping[RunKey, str] = field(default_factory=dict[RunKey, str])
    """Empty fields are left out."""
    directions: tuple[Direction, ...] = ("minimize",)
    declared: tuple[Direction, ...] = ("minimize",)
    """What the objective declares; empty where nobody can tell."""
    doubt: str = ""
    """Why a person must choose the goal, and has not yet."""
    is_existing: bool = False
    """Whether the study is there already, with its name and its direction."""
    n_stale_trials: int = 0
    """Stale trials."""
    first: Mapping[RunKey, str] = field(default_factory=dict[RunKey, str])
    """What the fields began with."""
    last_python: str = ""
    """The Python that `hptui run` takes where none is typed; empty for its own."""
    last_far: FarWorkers | None = None
    """Where the latest run had its workers, if not on this machine."""
    takes_far: bool = False
    """Whether `hptui run` has them there where nothing is typed."""
    last_repeat: int = 1
    """How often it runs each configuration where nothing is typed."""
    last_variables: tuple[str, ...] = ()
    """Variables of the latest run; their values are stored nowhere."""
    runs_command: bool = False
    """Whether the objective is a command, which says itself where it runs."""
    taken: frozenset[str] = frozenset()
    """Names that other studies have."""
    usual: Mapping[RunKey, str] = field(default_factory=lambda: dict(_USUAL))
    """Which end and seed `hptui run` takes where none is typed."""
    ends_by_itself: bool = False
    """Whether the script's sampler ends the study."""
    prepared: NextRun = NOTHING_PREPARED
    """What the study has for its next run."""

    @classmethod
    def start(
        cls, n_workers: int, defaults: Mapping[str, int | float | str] | None = None
    ) -> RunDraft:
        """Return the form as it opens; defaults that cannot be read are left out."""
        plain: dict[RunKey, str] = {
            "trials": str(DEFAULT_TRIALS),
            "workers": str(n_workers),
            "backend": "loky",
        }
        draft = cls(plain, first=plain)
        known = {each.key for each in FIELDS}
        # Without these others cannot be set.
        given = defaults or {}
        for key, value in sorted(given.items(), key=lambda each: each[0] not in _BEFORE_OTHERS):
            if key in known:
                try:
                    draft = draft.with_text(cast("RunKey", key), str(value))
                except UsageError:
                    continue
        return replace(draft, first={**plain, **draft.texts})

    def named(self, name: str) -> RunDraft:
        """Return the form that begins with another name."""
        named: dict[RunKey, str] = {"name": name}
        return replace(self, texts={**self.texts, **named}, first={**self.first, **named})

    def with_prepared(self, prepared: NextRun) -> RunDraft:
        """Return the form with what is prepared for the study's next run."""
        draft = replace(self, prepared=prepared)
        draft = draft._with_usual(self.usual)
        if prepared.workers is None:
            return draft
        workers: dict[RunKey, str] = {"workers": str(prepared.workers)}
        return replace(draft, texts={**draft.texts, **workers}, first={**draft.first, **workers})

    def with_script(self, script: ScriptStudy) -> RunDraft:
        """Return the form with what a script sets, in fields that nobody has changed."""
        is_finite = script.sampler.partition(":")[0] in FINITE_SAMPLERS
        ends_by_itself = is_finite or bool(script.callbacks)
        usual: dict[RunKey, str] = {}
        if script.n_trials is not None:
            usual["trials"] = str(script.n_trials)
        elif script.timeout_s is None and not ends_by_itself:
            usual |= _USUAL
        if script.timeout_s is not None:
            usual["timeout"] = f"{script.timeout_s:g}s"
        if script.seed is not None:
            usual["seed"] = str(script.seed)
        draft = replace(self._with_usual(usual), ends_by_itself=ends_by_itself)
        if draft.is_existing:
            return draft
        is_touched = not draft.doubt and draft.directions != draft.declared
        chosen = draft.directions if is_touched else script.directions
        return replace(draft, directions=chosen, declared=script.directions, doubt="")

    def without_script(self) -> RunDraft:
        """Return the form as it is for an objective that sets no end."""
        return replace(self._with_usual(_USUAL), ends_by_itself=False)

    def _with_usual(self, usual: Mapping[RunKey, str]) -> RunDraft:
        if self.prepared.trials is not None:
            # They count, where no end is typed, instead of any other.
            kept: dict[RunKey, str] = {key: text for key, text in usual.items() if key != "timeout"}
            trials: dict[RunKey, str] = {"trials": str(self.prepared.trials)}
            usual = kept | trials
        if usual == self.usual:
            return self
        texts, first = dict(self.texts), dict(self.first)
        for key in _SET_BY_SCRIPTS:
            is_usual = texts.get(key) in (first.get(key), self.usual.get(key))
            for each in (first, *([texts] if is_usual else [])):
                each.pop(key, None)
                if key in usual:
                    each[key] = usual[key]
        return replace(self, texts=texts, first=first, usual=usual)

    def reset(self, key: RunKey) -> RunDraft:
        """Return the draft with a field as it began.

        Raises:
            UsageError: The field cannot change.
        """
        if key == "goal" and not self.declared:
            raise UsageError("The objective's file does not say its goal.", hint="Choose one.")
        text = ", ".join(self.declared) if key == "goal" else self.first.get(key, "")
        return self.with_text(key, text)

    def text(self, key: RunKey) -> str:
        """Return what stands in a field."""
        if key == "goal":
            return "" if self.doubt else ", ".join(self.directions)
        return self.texts.get(key, _FIRST_CHOICES.get(key, ""))

    def with_text(self, key: RunKey, text: str) -> RunDraft:
        """Return the draft with a field set to what was typed.

        Raises:
            UsageError: The text is not a value for it; or the field cannot change, with the reason.
        """
        text = text.strip()
        reason = self.reason(key)
        if reason is not None and text != self.text(key):
            raise UsageError(reason)
        if key == "goal":
            return replace(self, directions=_directions(text), doubt="")
        if self._is_empty(key, text):
            return self._with_texts(
                {other: each for other, each in self.texts.items() if other != key}
            )
        self._check(key, text)
        texts: dict[RunKey, str] = {**self.texts, key: text}
        if key in _BEFORE_OTHERS and texts.get("workers") == self.first.get("workers"):
            # As many as the devices or hosts hold, unless a person has said how many.
            texts.pop("workers", None)
        return self._with_texts(texts)

    def _with_texts(self, texts: dict[RunKey, str]) -> RunDraft:
        if "workers" not in texts and not _has_own_count(texts) and "workers" in self.first:
            texts["workers"] = self.first["workers"]
        return replace(self, texts=texts)

    def _is_empty(self, key: RunKey, text: str) -> bool:
        if key == "devices":
            return text in _NEVER[:-1]
        if key == "workers" and _has_own_count(self.texts):
            return text in _NEVER[:-1]
        return text.lower() in _NEVER and key not in _NEVER_EMPTY

    def reason(self, key: RunKey) -> str | None:
        """Return why a field cannot be changed now, or None."""
        if self.is_existing and key in ("name", "goal"):
            what = "name" if key == "name" else "direction"
            return f"The study already exists; its {what} cannot change here."
        if key == "target" and len(self.directions) > 1:
            return "A target needs one objective."
        if key in OF_DEVICES and not has_devices(self.texts):
            return "There are no devices to share out."
        if key in FAR_KEYS:
            return far_reason(key, self.texts)
        if key == "leftovers" and not self.n_stale_trials:
            return "No trial is stale."
        if key == "folder" and self.runs_command:
            return "A command sets its own folder: put --cwd DIR before its --."
        if key == "python" and self.runs_command:
            return "A command names its own Python."
        if key == "notify-best" and not notifies(self.texts):
            return "Nobody is notified."
        return None

    def next_text(self, key: RunKey) -> str | None:
        """Return the value after the present one where a field has few of them, else None."""
        if key == "goal" and len(self.directions) == 1:
            if self.doubt:
                return "minimize"
            return "maximize" if self.directions == ("minimize",) else "minimize"
        choices = next(each.choices for each in FIELDS if each.key == key)
        if not choices:
            return None
        return choices[(choices.index(self.text(key)) + 1) % len(choices)]

    def problems(self) -> list[str]:
        """Return a sentence for each reason why the run cannot start like this."""
        found: list[str] = []
        if not self.text("name"):
            found.append("The study has no name.")
        elif self.text("name") in self.taken and not self.is_existing:
            found.append(_taken(self.text("name")).message)
        if self.doubt:
            found.append(f"Choose the goal: its file {self.doubt}.")
        has_end = any(self.text(key) for key in _ENDS)
        if not has_end and not self.ends_by_itself:
            found.append("The run would never end: give trials, a time-out or a target.")
        if self.text("target") and (reason := self.reason("target")):
            found.append(reason)
        found += resource_problems(self.texts) + far_problems(self.texts)
        return found + following_problems(self.texts)

    def options(self) -> list[str]:
        """Return the options of `hptui run`, but for the study's name and place."""
        options: list[str] = []
        if not self.is_existing and self.directions != self.declared:
            for direction in self.directions:
                options += ["--direction", direction]
        more: tuple[tuple[RunKey, str], ...] = (
            ("trial-timeout", "--trial-timeout"),
            ("workers", "--workers"),
            ("seed", "--seed"),
        )
        names = more if self._has_usual_end else (*_END_OPTIONS, *more)
        for key, option in names:
            text = self.text(key)
            if text and not (key == "seed" and text == self.usual.get("seed")):
                options += _option(option, text)
        if is_far(self.texts):
            options += far_options(self.texts)
        elif self.text("backend") != BACKENDS[0] or self.takes_far:
            options += ["--backend", self.text("backend")]
        if self.text("ask-ahead") != ASK_AHEAD[0]:
            options.append("--ask-ahead")
        if self.n_stale_trials and self.text("leftovers") != LEFTOVERS[0]:
            options += ["--leftovers", self.text("leftovers")]
        options += self._options_of_trials()
        return options + resource_options(self.texts) + following_options(self.texts)

    def _options_of_trials(self) -> list[str]:
        """Return the options on where and how often a trial's code runs."""
        options: list[str] = []
        if self.text("folder") and not self.runs_command:
            options += _option("--cwd", self.text("folder"))
        if self.text("python") != self.last_python and not self.runs_command:
            options += _option("--python", self.text("python") or OWN)
        if (repeat := read_repeats(self.text("repeat") or "1")) != self.last_repeat:
            options += ["--repeat", str(repeat)]
        if self.text("skip-duplicates") == "yes":
            options.append("--skip-duplicates")
        return options

    @property
    def folder(self) -> Path:
        """The working directory of trials, absolute."""
        return Path.cwd() / Path(self.text("folder")).expanduser()

    @property
    def lost_variables(self) -> tuple[str, ...]:
        """Variables of the latest run that this one is without."""
        given = dict(read_variables(self.text("env")))
        return tuple(name for name in self.last_variables if name not in given)

    def place_of_trials(self) -> ProbePlace:
        """Return where trials will be, for a probe; may ask the driver for its GPUs.

        Raises:
            UsageError: There are no such devices, with the reason.
        """
        text = self.text("python")
        python = read_python(text, Path.cwd()) if text and not self.runs_command else None
        return replace(probe_place_of(self.texts), folder=str(self.folder), python=python)

    @property
    def seen_by_trials(self) -> tuple[str, ...]:
        """What stands in the fields that the code of an objective can see."""
        return (*seen_by_trials(self.texts), self.text("folder"), self.text("python"))

    @property
    def _has_usual_end(self) -> bool:
        """Whether the run ends as it does where no end is typed."""
        trials, usual = self.text("trials"), self.usual.get("trials", "")
        is_same = trials == usual or (
            bool(trials and usual) and read_count(trials) == read_count(usual)
        )
        others = [self.text(key) == self.usual.get(key, "") for key in _ENDS if key != "trials"]
        return is_same and all(others)

    def _check(self, key: RunKey, text: str) -> None:
        readers: dict[RunKey, Callable[[str], object]] = {
            "name": self._check_name,
            "trials": read_count,
            "timeout": read_duration,
            "target": read_target,
            "workers": read_workers,
            "trial-timeout": read_duration,
            "seed": read_seed,
            "backend": lambda each: _one_of(each, BACKENDS),
            "ask-ahead": lambda each: _one_of(each, ASK_AHEAD),
            "leftovers": lambda each: _one_of(each, LEFTOVERS),
            "folder": _check_folder,
            "python": lambda each: find_interpreter(each, Path.cwd()),
            "repeat": read_repeats,
            "skip-duplicates": lambda each: _one_of(each, SKIP_DUPLICATES),
        }
        for follows in FOLLOWING_KEYS:
            readers[follows] = partial(check_following, follows)
        for far in FAR_KEYS:
            readers[far] = partial(check_far, far)
        for resource in RESOURCE_KEYS:
            readers[resource] = partial(check_resource, resource)
        try:
            readers[key](text)
        except UsageError as error:
            raise UsageError(error.message.rstrip(".") + ".", hint=error.hint) from None

    def _check_name(self, text: str) -> None:
        check_study_name(text)
        if text in self.taken:
            raise _taken(text)


def _has_own_count(texts: Mapping[RunKey, str]) -> bool:
    """Say whether devices or other machines tell how many workers there are."""
    return has_devices(texts) or is_far(texts)


def free_name(wanted: str, taken: Collection[str]) -> str:
    """Return the name, with a number behind it where it is taken: `digits-2`."""
    number, name = 1, wanted
    while name in taken:
        number += 1
        tail = f"-{number}"
        name = wanted[: 100 - len(tail)] + tail
    return name


def _directions(text: str) -> tuple[Direction, ...]:
    words = [word.strip().lower() for word in text.split(",")]
    known: tuple[Direction, ...] = get_args(Direction)
    full: list[list[Direction]] = [
        [each for each in known if word and each.startswith(word)] for word in words
    ]
    if not all(len(matches) == 1 for matches in full):
        raise UsageError(
            f"{safe_line(repr(text), max_chars=60)} is no goal.",
            hint="Write minimize or maximize, once for each objective, separated by commas.",
        )
    return tuple(matches[0] for matches in full)


def _option(name: str, value: str) -> list[str]:
    # argparse takes what begins with a dash for an option.
    return [f"{name}={value}"] if value.startswith("-") else [name, value]


def _check_folder(text: str) -> None:
    try:
        is_there = (Path.cwd() / Path(text).expanduser()).is_dir()
    except (OSError, RuntimeError, ValueError):
        is_there = False
    if not is_there:
        raise UsageError(f"There is no folder {safe_line(text, max_chars=60)}.")


def _one_of(text: str, choices: tuple[str, ...]) -> None:
    if text not in choices:
        shown = safe_line(repr(text), max_chars=60)
        raise UsageError(f"{shown} is not one of {', '.join(choices)}.")


def _taken(name: str) -> UsageError:
    return UsageError(
        f"There is already a study {safe_line(name, max_chars=60)}.",
        hint="Choose another name, or run that one again from the list of studies.",
    )

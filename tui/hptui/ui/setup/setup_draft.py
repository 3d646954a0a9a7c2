"""Everything that a run needs, while it is set up, and the command that runs it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.domain.methods.asked_methods import (
    METHODS,
    PrunerSpec,
    SamplerSpec,
    check_fit,
    needs_one_objective,
)
from hptui.domain.objective import ObjectiveInfo
from hptui.domain.run_place import NOWHERE, RunPlace, differences
from hptui.domain.spaces.edits import Unset, check_against_history
from hptui.domain.study_name import check_study_name, default_study_name
from hptui.domain.texts.readable import plural
from hptui.domain.texts.script_text import Typed, not_taken_over, script_notes
from hptui.domain.texts.text import escape_line, safe_line
from hptui.errors import HptuiError, OptionError, SpaceError, UsageError
from hptui.registry.commands.command import CommandSpec
from hptui.registry.commands.typed_command import described, is_command, place_of_trials, typed_text
from hptui.storage.files.studies_folder import study_file, usual_folder
from hptui.ui.commands.command_table import default_key
from hptui.ui.setup.far_fields import is_far
from hptui.ui.setup.method_draft import MethodDraft
from hptui.ui.setup.run_draft import RunDraft, free_name
from hptui.ui.setup.space_draft import SpaceDraft

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.methods.options import Family
    from hptui.domain.objective import ObjectiveRef
    from hptui.domain.script_study import ScriptStudy

PLAIN_SAMPLER: Final = "tpe"
PLAIN_PRUNER: Final = "median"
MAX_ASKED_CHARS: Final = 1_000
"""What is longer cannot be seen as a whole in a dialog, and so not be agreed to there."""


@dataclass(frozen=True, slots=True)
class StudyPlace:
    """Where a study is, or will be: in a file of its name in a folder, or in one file."""

    folder: Path | None
    file: Path | None = None

    def file_of(self, name: str) -> Path:
        """Return the file of the study of this name."""
        if self.file is not None:
            return self.file
        assert self.folder is not None, "either a folder or a file is known"
        return study_file(self.folder, name)

    def options(self, name: str) -> list[str]:
        """Return the options of `hptui run` that mean the study of this name here."""
        named = _option("--study", name)
        if self.file is not None:
            return [*_option("--storage", _short(self.file)), *named]
        assert self.folder is not None, "either a folder or a file is known"
        if self.folder == usual_folder():
            return named
        return [*named, *_option("--studies", _short(self.folder))]


def place_of(file: Path, name: str) -> StudyPlace:
    """Return the place of a study that is there already."""
    if file.name == f"{name}.db":
        try:
            check_study_name(name)
        except UsageError:
            return StudyPlace(None, file)
        return StudyPlace(file.parent)
    return StudyPlace(None, file)


@dataclass(frozen=True, slots=True)
class Methods:
    """A sampler and a pruner as `hptui run` takes them; what is empty is not known."""

    sampler: str = ""
    pruner: str = ""


@dataclass(frozen=True, slots=True)
class SetupDraft:
    """A run while it is set up; its parts are changed by putting others in their place."""

    place: StudyPlace
    objective: str = ""
    """How the objective is spelled; empty while none is chosen."""
    ref: ObjectiveRef | None = None
    info: ObjectiveInfo = field(default_factory=lambda: ObjectiveInfo(""))
    space: SpaceDraft = field(default_factory=SpaceDraft)
    sampler: MethodDraft = field(default_factory=lambda: MethodDraft.read("sampler", PLAIN_SAMPLER))
    pruner: MethodDraft = field(default_factory=lambda: MethodDraft.read("pruner", PLAIN_PRUNER))
    run: RunDraft = field(default_factory=lambda: RunDraft.start(1))
    usual_sampler: str = PLAIN_SAMPLER
    """What `hptui run` takes without `--sampler`."""
    usual_pruner: str = PLAIN_PRUNER
    """What it takes without `--pruner` for one objective."""
    is_running: bool = False
    """Whether an engine runs the study now."""
    tuned: ObjectiveRef | None = None
    """The objective whose trials the study holds, where that is known."""
    any_objective: bool = False
    """Whether the study may go on with another one."""
    fork_counts: tuple[int, int] | None = field(default=None, compare=False)
    """How many trials a fork with this space would keep, and of how many; None: not known."""
    script: ScriptStudy | None = None
    """What running the script has told; None for others, and before."""
    missing_packages: Mapping[str, str] = field(default_factory=dict[str, str])
    """By a sampler's name, why it cannot be used here."""
    last_place: RunPlace = NOWHERE
    """Where the study's last run ran."""
    n_returned: int | None = None
    """How many values the objective has returned when it was probed; None: not known."""
    fork_key: str = field(default=default_key("fork-space"), compare=False)
    """What is pressed to fork the study with this space."""

    @property
    def n_objectives(self) -> int:
        """How many objectives the study has."""
        return len(self.run.directions)

    @property
    def spelled(self) -> str:
        """The objective with its arguments, as a shell takes them and the picker does."""
        if self.ref is None:
            return self.objective
        given = [*self.ref.argument_options(), *self.ref.after_options()]
        return " ".join([self.objective, *map(shlex.quote, given)])

    @property
    def study(self) -> str:
        """The study's name."""
        return self.run.text("name")

    @property
    def study_file(self) -> Path:
        return self.place.file_of(self.study)

    def with_objective(
        self,
        ref: ObjectiveRef,
        info: ObjectiveInfo,
        spelled: str,
        *,
        latest: Methods | None = None,
        wished: Methods | None = None,
    ) -> SetupDraft:
        """Return the draft for another objective, with what it suggests.

        Args:
            ref: The objective.
            info: What it declares.
            spelled: What stands for it on the command line.
            latest: What the study's latest run used.
            wished: What a person's settings say; it counts where nothing else is suggested.
        """
        latest, wished = latest or Methods(), wished or Methods()
        run = replace(self.run.without_script(), runs_command=ref.kind == "command")
        if not run.is_existing:
            declared = () if info.doubt else info.directions
            if is_command(spelled):
                # Its directions stand nowhere but in the options.
                declared = ("minimize",) * len(info.directions)
            run = replace(run, directions=info.directions, declared=declared, doubt=info.doubt)
            run = run.named(free_name(default_study_name(ref), run.taken))
        usual_sampler = latest.sampler or info.sampler
        usual_pruner = latest.pruner or info.pruner
        sampler = wished.sampler if usual_sampler == PLAIN_SAMPLER else ""
        pruner = "none" if len(run.directions) > 1 else ""
        if not pruner and usual_pruner == PLAIN_PRUNER:
            pruner = wished.pruner
        return replace(
            self,
            ref=ref,
            info=info,
            script=None,
            n_returned=None,
            objective=spelled,
            space=replace(self.space, known={}, edits=self.space.in_force),
            run=run,
            usual_sampler=usual_sampler,
            usual_pruner=usual_pruner,
            sampler=_read("sampler", sampler or usual_sampler, PLAIN_SAMPLER),
            pruner=_read("pruner", pruner or usual_pruner, PLAIN_PRUNER),
        )

    def with_script(self, script: ScriptStudy) -> SetupDraft:
        """Return the draft with what a script sets, where nobody has chosen something else."""
        sampler = script.sampler or self.usual_sampler
        pruner = script.pruner or self.usual_pruner
        run = self.run.with_script(script)
        draft = replace(
            self,
            script=script,
            info=script.applied_to(self.info),
            run=run,
            usual_sampler=sampler,
            usual_pruner=pruner,
        )
        if str(self.sampler) == _plain("sampler", self.usual_sampler):
            draft = replace(draft, sampler=_read("sampler", sampler, PLAIN_SAMPLER))
        if str(self.pruner) == self._usual_pruner():
            draft = replace(draft, pruner=_read("pruner", draft._usual_pruner(), PLAIN_PRUNER))
        return draft

    def with_changes(self, first: SetupDraft, now: SetupDraft) -> SetupDraft:
        """Return the draft with what a person has changed in a form that began as `first`."""
        before, after = first.run, now.run
        texts = {key: text for key, text in self.run.texts.items() if key in after.texts}
        texts |= {key: text for key, text in self.run.texts.items() if key not in before.texts}
        texts |= {key: text for key, text in after.texts.items() if text != before.texts.get(key)}
        run = replace(self.run, texts=texts)
        if after.directions != before.directions:
            run = replace(run, directions=after.directions, doubt="")
        return replace(
            self,
            run=run,
            sampler=self.sampler if now.sampler == first.sampler else now.sampler,
            pruner=self.pruner if now.pruner == first.pruner else now.pruner,
        )

    def with_run(self, run: RunDraft) -> SetupDraft:
        """Return the draft with another form; an untouched pruner follows what can prune."""
        draft = replace(self, run=run)
        if str(self.pruner) == self._usual_pruner() and draft._usual_pruner() != str(self.pruner):
            return replace(draft, pruner=_read("pruner", draft._usual_pruner(), PLAIN_PRUNER))
        return draft

    def problems(self) -> list[str]:
        """Return a sentence for each reason why the run cannot start like this."""
        if self.ref is None:
            return ["Choose an objective first."]
        found = ["An engine runs this study now."] if self.is_running else []
        found += self._history_problems()
        for draft in (self.sampler, self.pruner):
            found += [
                f"{draft.method.title} needs {option.name}: {option.help}"
                for option in draft.missing()
            ]
            found += [
                f"{draft.method.title}: {option.name} has no effect. {reason}"
                for option in draft.method.options
                if option.name in draft.given and (reason := self.reason(draft, option.name))
            ]
        if not any(draft.missing() for draft in (self.sampler, self.pruner)):
            found += self._misfits()
        missing = self.missing_packages.get(self.sampler.method.name)
        found += [missing] if missing else []
        found += self.run.problems()
        n_values = self.info.n_values if self.n_returned is None else self.n_returned
        if n_values not in (None, self.n_objectives) and not self.run.doubt:
            values = plural(n_values, "value")
            found.append(
                f"The objective returns {values}, but you gave {plural(self.n_objectives, 'goal')}."
                if self.n_objectives > 1
                else f"The objective returns {values}: give a goal for each."
            )
        if any("\0" in argument for argument in self.to_argv()):
            found.append("A name holds a NUL character, which no command line can.")
        return found

    def notes(self) -> list[str]:
        """Return sentences on what the objective's file or the latest run sets and this has not."""
        found = differences(
            self.last_place,
            self._place(),
            lambda folder: f"To run there again, enter {folder} in the field folder.",
        )
        if self.ref is not None and self.script is not None:
            # What is taken over stands in the form.
            found += script_notes(self.ref, self.script, Typed())[1:]
        elif self.ref is not None and self.info.settings:
            found.append(not_taken_over(self.ref, self.info.settings))
        if self.run.last_far is not None and not is_far(self.run.texts):
            found.append(
                f"The last run's workers were on {self.run.last_far.shown}; this one's are on this "
                "machine."
            )
        if self.run.lost_variables:
            names = safe_line(", ".join(self.run.lost_variables), max_chars=200)
            found.append(
                f"The last run set {names}, but values are not stored: enter them in the field "
                "variables."
            )
        return found

    def _place(self) -> RunPlace:
        """Return where trials will run."""
        if self.ref is not None and self.ref.kind == "command":
            return place_of_trials(self.ref)
        here = replace(RunPlace.here(), folder=str(self.run.folder))
        python = self.run.text("python")
        if not python:
            return here
        if python == self.run.last_python:
            return replace(self.last_place, folder=here.folder)
        # Its version is known when it has been run.
        return RunPlace(here.folder)

    def reason(self, draft: MethodDraft, option: str) -> str | None:
        """Return why an option of the sampler or pruner has no effect, or None."""
        found = draft.method.option(option)
        return None if found is None else draft.reason(found, self.n_objectives)

    def unusable(self, family: Family) -> dict[str, str]:
        """Return, by the name of a sampler or pruner that cannot be used here, why not."""
        if self.n_objectives == 1:
            return dict(self.missing_packages) if family == "sampler" else {}
        misfits = {
            method.name: f"It works with one objective, but there are {self.n_objectives}."
            for method in METHODS[family]
            if needs_one_objective(family, method.name)
        }
        return {**self.missing_packages, **misfits} if family == "sampler" else misfits

    def to_argv(self) -> list[str]:
        """Return what follows `hptui run` for this run."""
        own, after = self._objective_words()
        argv = [*own, *self.place.options(self.study), *self.space.options()]
        if self.any_objective:
            argv.append("--any-objective")
        if str(self.sampler) != _plain("sampler", self.usual_sampler):
            argv += ["--sampler", str(self.sampler)]
        if str(self.pruner) != self._usual_pruner():
            argv += ["--pruner", str(self.pruner)]
        return [*argv, *self.run.options(), *after]

    def _objective_words(self) -> tuple[list[str], list[str]]:
        """Return what stands for the objective before the options, and what behind all of them."""
        if self.ref is None or self.ref.kind != "command" or not is_command(self.objective):
            if self.ref is None:
                return [self.objective], []
            return [self.objective, *self.ref.argument_options()], self.ref.after_options()
        words = shlex.split(self.objective)
        place = words.index("--")
        return words[:place], words[place:]

    def command(self) -> str:
        """Return the equivalent command line, quoted for a shell."""
        return shlex.join(["hptui", "run", *self.to_argv()])

    def _usual_pruner(self) -> str:
        return "none" if self.n_objectives > 1 else _plain("pruner", self.usual_pruner)

    def _misfits(self) -> list[str]:
        try:
            sampler, pruner = self.sampler.spec(), self.pruner.spec()
        except OptionError as error:
            return [error.message]
        reason = check_fit(
            SamplerSpec(sampler.name, sampler.options),
            PrunerSpec(pruner.name, pruner.options),
            self.n_objectives,
        )
        return [] if reason is None else [reason]

    def _history_problems(self) -> list[str]:
        found: list[str] = []
        for name in self.space.known:
            stored = self.space.stored.get(name)
            if stored is not None:
                try:
                    check_against_history(name, self.space.effective(name), stored)
                except SpaceError as error:
                    found.append(self._fork_hint(name) or error.message)
        return found

    def _fork_hint(self, name: str) -> str:
        """Return what can be done about choices, or a scale, that the study cannot have."""
        edit = self.space.fork_edits().get(name)
        if edit is None:
            return ""
        what = "a scale" if isinstance(edit.choices, Unset) else "choices"
        counts = self.fork_counts
        kept = "" if counts is None else f" with {counts[0]:,} of {plural(counts[1], 'trial')}"
        return f"Optuna cannot change {what} within a study; {self.fork_key} forks it{kept}."


def spell_objective(ref: ObjectiveRef, typed: str = "") -> str:
    """Return what stands for an objective on the command line.

    Args:
        ref: The objective.
        typed: What a person typed for it and what is known to mean it.
    """
    if ref.kind == "command" and (not typed or is_command(typed)):
        return typed_text(CommandSpec.of(ref), Path.cwd())
    if typed and not typed.startswith("-"):
        return typed
    target = _short(Path(ref.target)) if ref.kind in ("file", "script") else ref.target
    return target if ref.kind == "script" else f"{target}:{ref.attribute}"


def code_text(ref: ObjectiveRef) -> str:
    """Return all that decides on what is run, on lines of its own, for who is to agree to it."""
    if ref.kind == "command":
        return f"this command\n{escape_line(described(ref))}"
    if ref.kind == "script":
        after = shlex.join(ref.after_options())
        return f"the script\n{escape_line(f'{ref.target} {after}'.strip())}"
    where = f"the function {escape_line(ref.attribute)} in the {ref.kind}"
    given = "".join(f"\nwith {escape_line(f'{name}={text}')}" for name, text in ref.arguments)
    return f"{where}\n{escape_line(ref.target)}{given}"


def _read(family: Family, text: str, plain: str) -> MethodDraft:
    try:
        return MethodDraft.read(family, text)
    except HptuiError:
        # What another version stored, or a decorator says that was never checked.
        return MethodDraft.read(family, plain)


def _plain(family: Family, text: str) -> str:
    try:
        return str(MethodDraft.read(family, text))
    except HptuiError:
        return text


def _option(name: str, value: str) -> list[str]:
    # argparse takes what begins with a dash for an option.
    return [f"{name}={value}"] if value.startswith("-") else [name, value]


def _short(path: Path) -> str:
    """Return a path as short as it can be typed here."""
    here = Path.cwd()
    if path.is_relative_to(here):
        short = str(path.relative_to(here))
        return short if "/" in short or not short.startswith("-") else f"./{short}"
    return str(path)

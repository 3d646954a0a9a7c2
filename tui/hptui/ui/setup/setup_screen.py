"""Setting up a run: pick an objective, shape its space, choose the methods, start."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.containers import Horizontal, Vertical

from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line, sentence
from hptui.registry.known_code import agree
from hptui.registry.probing.probe import known_space
from hptui.storage.files.studies_folder import usual_folder
from hptui.ui.application.command_screen import CommandScreen
from hptui.ui.commands.command_table import CommandHost
from hptui.ui.dialogs.questions import ChoiceDialog, MessageDialog
from hptui.ui.setup.field_actions import FieldActions
from hptui.ui.setup.fork_action import ForkAction
from hptui.ui.setup.launching import Launched, Launching
from hptui.ui.setup.method_form import MethodForm
from hptui.ui.setup.pick_objective import ObjectivePicker
from hptui.ui.setup.probe_findings import never_reports
from hptui.ui.setup.probing import Probed, Probing
from hptui.ui.setup.run_form import RunForm
from hptui.ui.setup.setup_draft import MAX_ASKED_CHARS, SetupDraft, StudyPlace, code_text
from hptui.ui.setup.setup_lines import AboutLine, CommandLine, ObjectiveLine, TitleLine
from hptui.ui.setup.setup_rules import disabled_reason
from hptui.ui.setup.setup_sources import (
    Opened,
    StudyAddress,
    is_another,
    open_draft,
    with_text,
)
from hptui.ui.setup.space_pane import SpacePane, nothing_found, what_to_do
from hptui.ui.widgets.command_footer import CommandFooter
from hptui.ui.widgets.field_table import FieldTable
from hptui.ui.widgets.pane_title import pane_title

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.app import ComposeResult

    from hptui.domain.objective import ObjectiveRef
    from hptui.errors import HptuiError
    from hptui.registry.known_code import UnknownCode
    from hptui.registry.probing.probe_result import ProbeResult
    from hptui.ui.commands.command_table import Place

THIN: Final = 60
"""Below this width the form with the focus takes the room of the others."""
LOW: Final = 20
_LEAST_FORMS: Final = (10, 7)
"""Lines of the forms where the space has many parameters, and in a short terminal."""
_LINES_BESIDE_SPACE: Final = 5
"""Of the pane of the space: its rule, the names of columns, and what is found out."""
"""Below this height only the parts that can be edited are shown in full."""
_WHILE_STARTING: Final = frozenset({"help", "palette", "theme", "back"})


class SetupScreen(CommandScreen[None]):
    """The form of a new study, or of the next run of one that is there.

    Args:
        ref: The objective, where a person chose it; a study that is there names its own, and what
            this person has never run is asked about first.
        study: The study to run again; anything with `path` and `name`.
    """

    PLACE: ClassVar[Place] = "setup"
    CSS_PATH = "../styles/setup.tcss"

    def __init__(self, ref: ObjectiveRef | None = None, study: StudyAddress | None = None) -> None:
        super().__init__()
        self._fields = FieldActions(self)
        self._fork = ForkAction(self, lambda: self.draft, self._take_fork_counts)
        self.parts = (self._fields, self._fork)
        self._ref, self._study = ref, study
        self._opened: Opened | None = None
        self._draft = SetupDraft(StudyPlace(None, None))
        self._typed = ""
        """What was typed for an objective and not chosen."""
        self._read_again: Callable[[], None] = self._read
        """Reads what could not be read."""
        self._first: SetupDraft | None = None
        self._probed: ProbeResult | None = None
        # Both post in threads.
        self._probing = Probing(lambda probed: self.call_later(self._take_probed, probed))
        self._probed_with: tuple[str, ...] = ()
        """What the fields held that an objective sees, when it was probed last."""
        self._took_s = 0.0
        self._forms_height: int | None = None
        """In lines; None leaves it to the styles."""
        self._launching = Launching(lambda news: self.call_later(self._take_launched, news))

    def compose(self) -> ComposeResult:
        yield TitleLine(id="title")
        with Vertical(id="objective", classes="pane"):
            yield ObjectiveLine(id="objective-line")
        yield SpacePane(id="space", classes="pane")
        with Horizontal(id="forms"):
            yield MethodForm(self._draft.sampler, id="sampler", classes="pane")
            yield MethodForm(self._draft.pruner, id="pruner", classes="pane")
            yield RunForm(id="run", classes="pane")
        yield AboutLine(id="about")
        yield CommandLine(id="command")
        yield CommandFooter()

    def on_resize(self, event: events.Resize) -> None:
        """Give the space to fewer parts where there is little of it."""
        super().on_resize(event)
        self.set_class(event.size.width < THIN, "-thin")
        self.set_class(event.size.height < LOW, "-low")
        self.call_after_refresh(self._fit_forms)

    async def on_mount(self) -> None:
        for name in ("objective", "sampler", "pruner", "run"):
            self.query_one(f"#{name}").border_title = pane_title(name)
        self.space.tell("Reading…")
        self._show_head()
        self._read()

    def on_unmount(self) -> None:
        self._probing.stop()

    @property
    def draft(self) -> SetupDraft:
        """The run as it is set up now."""
        return self._draft

    @property
    def space(self) -> SpacePane:
        """The pane of the search space."""
        return self.query_one(SpacePane)

    def disabled_reason(self, command_id: str) -> str | None:
        """Say why a command cannot be used now."""
        if self._launching.is_running:
            back = self.app.services.first_key_of("back")
            return (
                None if command_id in _WHILE_STARTING else f"The run is starting; {back} gives up."
            )
        return disabled_reason(
            command_id,
            self._draft,
            self._fields.pointed,
            is_read=self._opened is not None,
            trouble="" if self._opened is None else self._opened.trouble,
            key_of=self.app.services.first_key_of,
        )

    def do_start(self) -> None:
        """Start the run in a process of its own, and show the study."""
        fault = "" if self._probed is None else self._probed.fault
        if not fault:
            self._start()
            return

        def decide(answer: str | None) -> None:
            if answer == "start":
                self._start()

        again = self.app.services.first_key_of("probe")
        text = (
            f"{sentence(fault)} Trials will fail like this until that is mended; "
            f"{again} looks again."
        )
        title, choices = "Start all the same?", [("y", "start", "yes, start the run")]
        question = ChoiceDialog(title, text, choices, no="no, mend it first", is_no_first=True)
        self.app.push_screen(question, decide)

    def _start(self) -> None:
        self._probing.stop()
        self._launching.start(self._draft)
        self._show_head()

    def do_probe(self) -> None:
        """Look for parameters again, and for the objective where it could not be read."""
        if self._opened is not None and self._opened.trouble:
            self.space.tell("Reading…")
            self._read_again()
        else:
            self._begin_probe()

    def do_pick_objective(self) -> None:
        if self._opened is None:
            return
        opened = replace(self._opened, draft=self._draft)

        def note(text: str) -> None:
            self._typed = text

        def take(text: str | None) -> None:
            if text is None:
                return
            self._typed = ""
            if text != self._draft.spelled:
                self._choose(opened, text)

        self.app.push_screen(ObjectivePicker(opened, self._typed, note), take)

    def do_copy_command(self) -> None:
        self.app.copy_to_clipboard(self._draft.command())
        self.notify("Copied the command.")

    do_copy = do_copy_command

    def do_back(self) -> None:
        """Give up starting, stop probing, or leave; asks where edits would be lost."""
        if self._launching.is_running:
            self._launching.give_up()
            self.query_one(AboutLine).tell("Giving up…")
            return
        if self.maximized is not None:
            super().do_back()
        elif self._probing.is_running and self._is_untouched() and not self._draft.space.known:
            self._probing.stop()
        else:
            self._leave("Leave the form?", super().do_back)

    def do_quit(self) -> None:
        """Leave the application; asks where edits would be lost."""
        self._leave("Leave hptui?", self.app.services.quit)

    def _leave(self, title: str, leave: Callable[[], None]) -> None:
        def decide(answer: str | None) -> None:
            if answer == "leave":
                self._probing.stop()
                leave()

        if self._is_untouched():
            decide("leave")
            return
        choices = [("l", "leave", "leave")]
        text = "Your settings here will be lost."
        self.app.push_screen(ChoiceDialog(title, text, choices, no="keep editing"), decide)

    def _read(self) -> None:
        place = self.app.services.place
        at = StudyPlace(place.folder, place.file if place.folder is None else None)
        if place.source is not None:
            # New studies are files of the person's.
            at = StudyPlace(usual_folder(), None)
        defaults = self.app.services.settings.defaults
        self.in_thread(lambda: open_draft(at, self._ref, self._study, defaults), self._begin)

    def _begin(self, opened: Opened) -> None:
        if opened.unknown is not None:
            self._ask_about_code(opened, opened.unknown)
            return
        self._take(opened)
        if self._draft.ref is None and not opened.trouble and self._study is None:
            self.do_pick_objective()

    def _ask_about_code(self, opened: Opened, code: UnknownCode) -> None:
        """Ask before code is imported that nobody but the study file has named."""

        def decide(answer: str | None) -> None:
            if answer == "run":
                self.run_worker(lambda: agree(code), thread=True, exit_on_error=False)
                self._take(replace(opened, unknown=None))
            elif answer == "other":
                self.do_pick_objective()

        self._take(opened.without_objective())
        what = code_text(code.ref)
        choices = [("o", "other", "choose another objective")]
        if len(what) <= MAX_ASKED_CHARS:
            choices.append(("y", "run", "run it, now and later"))
        else:
            what = f"code whose name has {len(what):,} characters, too many to be shown here."
        text = (
            f"This study wants to run {what}\n\n"
            "You have not run this code before, so the study may have been made elsewhere. "
            "The code can do whatever you can do. None of it has been imported yet."
        )
        title = "Run the code that this study names?"
        question = ChoiceDialog(title, text, choices, no="do not run it", is_no_first=True)
        self.app.push_screen(question, decide)

    def _choose(self, opened: Opened, text: str) -> None:
        """Read another objective, and ask about one that the study has no trials of."""

        def work() -> tuple[Opened, bool]:
            chosen = with_text(opened, text)
            chosen = replace(chosen, draft=replace(chosen.draft, any_objective=False))
            return chosen, is_another(chosen.draft)

        def take(found: tuple[Opened, bool]) -> None:
            chosen, is_of_another = found
            (self._ask_about_another if is_of_another else self._take)(chosen)

        def fail(error: HptuiError) -> None:
            self._take(replace(opened, trouble=error.message, hint=error.hint))

        self._read_again = lambda: self._choose(opened, text)
        self.in_thread(work, take, fail)

    def _ask_about_another(self, opened: Opened) -> None:
        """Ask whether the study really goes on with an objective that it holds no trials of."""

        def decide(answer: str | None) -> None:
            if answer == "new":
                self.give_way_to(self.app.services.screens.setup(opened.draft.ref))
            elif answer == "on":
                self._take(replace(opened, draft=replace(opened.draft, any_objective=True)))

        study, objective = safe_line(self._draft.study), safe_line(opened.draft.spelled)
        choices = [
            ("s", "new", f"set up a new study for {objective}"),
            ("g", "on", f"continue {study} anyway"),
        ]
        no = "keep the former objective"
        text = (
            f"{study} holds trials of another objective, or of other arguments; those of "
            f"{objective} would mix with them."
        )
        self.app.push_screen(ChoiceDialog("Another objective", text, choices, no=no), decide)

    def _take(self, opened: Opened) -> None:
        draft = replace(opened.draft, fork_key=self.app.services.first_key_of("fork-space"))
        was_trouble = self._opened is not None and bool(self._opened.trouble)
        before, self._first = self._first, draft
        if was_trouble and before is not None:
            draft = draft.with_changes(before, self._with_tables())
        self._opened, self._draft = opened, draft
        self._probed = None
        self._show_all()
        if opened.trouble:
            key_of = self.app.services.first_key_of
            self.space.tell(what_to_do(opened.trouble, opened.hint, key_of), is_trouble=True)
        elif self._draft.ref is None:
            key = self.app.services.first_key_of("pick-objective")
            self.space.tell(f"Choose an objective first (press {key}).")
        if self._draft.ref is not None and not opened.trouble:
            self._begin_probe()
        self.space.table.lines.focus()

    def _begin_probe(self) -> None:
        ref = self._draft.ref
        if ref is not None:
            if not self._draft.space.known:
                self._show_known(None)
            self.space.tell("Importing the objective…")
            self._probed, self._draft = None, replace(self._draft, n_returned=None)
            self._probed_with = self._draft.run.seen_by_trials
            self._probing.start(ref, self._draft.run.place_of_trials)

    def _take_probed(self, news: Probed) -> None:
        if not self._probing.take(news):
            return
        if news.result is not None:
            self._took_s = news.took_s
            self._show_known(news.result)
            return
        what = "Importing the objective…"
        if news.n_trials:
            what = (
                f"Looking for parameters… {news.n_params} found in {plural(news.n_trials, 'trial')}"
            )
        back = self.app.services.first_key_of("back")
        self.space.tell(f"{what}   {news.took_s:.0f} s   {back} stops")

    def _with_tables(self) -> SetupDraft:
        """Return the draft with what the tables hold: of a change they may not have told yet."""
        draft = replace(
            self._draft,
            space=self.space.table.draft,
            sampler=self.query_one("#sampler", MethodForm).draft,
            pruner=self.query_one("#pruner", MethodForm).draft,
        )
        run = self.query_one(RunForm).draft
        return draft if run == draft.run else draft.with_run(run)

    def _show_known(self, probed: ProbeResult | None) -> None:
        """Show the parameters that are known, now that probing has ended or begins."""
        self._draft = self._with_tables()
        self._probed = probed
        was_untouched = self._is_untouched()
        if probed is not None and probed.studies:
            self._draft = self._draft.with_script(probed.studies[0])
        if probed is not None:
            self._draft = replace(self._draft, n_returned=probed.values_returned)
        space = self._draft.space.with_known(
            known_space(self._draft.info.space, probed, self._draft.space.stored)
        )
        self._draft = replace(self._draft, space=space)
        if was_untouched:
            self._first = self._draft
        self._show_all()
        self._fork.look(self._draft)
        if space.known:
            self.space.tell("")
        elif probed is not None:
            told = nothing_found(probed, self.app.services.first_key_of)
            self.space.tell(*told, is_trouble=bool(probed.error))

    @on(FieldTable.Changed)
    def _changed(self, event: FieldTable.Changed) -> None:
        event.stop()
        table = event.table
        self._draft = self._with_tables()
        self._fit_forms()
        if isinstance(table, RunForm):
            self._show_forms()
            if self._draft.run.seen_by_trials != self._probed_with:
                # The space may depend on what the objective sees.
                self._begin_probe()
        self._show_head()
        self._point(table)
        self._fork.look(self._draft)

    def _take_fork_counts(self, counts: tuple[int, int] | None) -> None:
        self._draft = replace(self._draft, fork_counts=counts)
        self._show_head()

    @on(FieldTable.Pointed)
    def _pointed(self, event: FieldTable.Pointed) -> None:
        event.stop()
        self._point(event.table)
        self.refresh_commands()

    def _take_launched(self, news: Launched) -> None:
        self._launching.take(news)
        if not self.is_open:
            return
        if not news.is_over:
            back = self.app.services.first_key_of("back")
            doing = f"Starting: {news.what}…   {news.took_s:.0f} s   {back} gives up"
            self.query_one(AboutLine).tell(doing)
            return
        self._show_head()
        if news.error is None:
            self._show_study()
        elif news.is_given_up:
            self.notify(news.error.message)
        else:
            text = f"{news.error.message}\n\n{news.error.hint}".strip()
            self.app.push_screen(MessageDialog("The run did not start", text))

    def _show_study(self) -> None:
        stack = self.app.screen_stack
        below = stack[stack.index(self) - 1]
        if self._study is not None and isinstance(below, CommandHost) and below.PLACE == "study":
            self.dismiss()
        else:
            study = self.app.services.screens.study(self._draft.study_file, self._draft.study)
            self.give_way_to(study)

    def _is_untouched(self) -> bool:
        return self._first is None or self._draft == self._first

    def _show_all(self) -> None:
        self.space.table.show(self._draft.space)
        self._show_forms()
        self._show_head()

    def _show_forms(self) -> None:
        draft = self._draft
        for method in (draft.sampler, draft.pruner):
            form = self.query_one(f"#{method.family}", MethodForm)
            form.show(method, draft.n_objectives, draft.unusable(method.family))
        self.query_one(RunForm).show(draft.run)
        self._fit_forms()

    def _fit_forms(self) -> None:
        """Give each form the cells of its names, and all the lines that the space leaves them."""
        forms = self.query_one("#forms")
        tables = [self.query_one(f"#{name}", FieldTable) for name in ("sampler", "pruner", "run")]
        for form in self.query(MethodForm):
            least = None if self.has_class("-thin") else form.least_width
            if form.styles.min_width != least:
                form.styles.min_width = least
        room = self.space.outer_size.height + forms.outer_size.height
        height = None
        if room and not self.has_class("-low"):
            needed = 1 + max(len(table.rows()) for table in tables)
            of_space = _LINES_BESIDE_SPACE + len(self._draft.space.known)
            least = _LEAST_FORMS[self.has_class("-short")]
            height = max(least, min(needed, room - of_space))
        if height != self._forms_height:
            self._forms_height = forms.styles.height = height

    def _show_head(self) -> None:
        """Show what follows from the fields: title, findings, problems and the command."""
        draft = self._draft
        self.query_one(TitleLine).show(draft)
        self.query_one(ObjectiveLine).show(draft)
        self.space.show_found(self._probed, self._took_s, draft.notes())
        is_idle = (
            draft.pruner.method.name != "none"
            and self._probed is not None
            and never_reports(self._probed)
        )
        self.query_one("#pruner").border_title = pane_title(
            "pruner  idle: no reports" if is_idle else "pruner"
        )
        self.query_one(CommandLine).show(draft)
        if not self._launching.is_running:
            self._point(self._fields.table)
        self.refresh_commands()

    def _point(self, table: FieldTable | None) -> None:
        problems = self._draft.problems() if self._opened is not None else []
        about = self.query_one(AboutLine)
        if problems and self._draft.ref is not None:
            about.tell_problems(problems)
        else:
            about.tell("" if table is None else table.help_text())

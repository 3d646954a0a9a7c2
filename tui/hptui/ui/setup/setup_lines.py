"""The single lines of the form of a run: its title, its objective, help or problem, its command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual import getters
from textual.widgets import Static

from hptui.domain.texts.text import safe_line
from hptui.ui.application.services import ServingApp

if TYPE_CHECKING:
    from hptui.ui.setup.setup_draft import SetupDraft


class TitleLine(Static):
    """What is set up: a new study, or the next run of one."""

    app = getters.app(ServingApp)

    def show(self, draft: SetupDraft) -> None:
        """Name the study."""
        what = "next run of" if draft.run.is_existing else "new study"
        name = (safe_line(draft.study), "bold")
        self.update(
            Text.assemble((what, self.app.services.colour("dimmed")), "  ", name, no_wrap=True)
        )


class ObjectiveLine(Static):
    """The objective with its summary and its tags; a click chooses another."""

    app = getters.app(ServingApp)

    async def on_click(self) -> None:
        await self.run_action("screen.run_command('pick-objective')")

    def show(self, draft: SetupDraft) -> None:
        """Name the objective."""
        dimmed = self.app.services.colour("dimmed")
        if draft.ref is None:
            self.update(Text("none chosen", dimmed))
            return
        tags = f"   {', '.join(draft.info.tags)}" if draft.info.tags else ""
        # A command is its own summary.
        summary = "" if draft.info.summary in draft.spelled else draft.info.summary
        self.update(
            Text.assemble(
                (safe_line(draft.spelled), "bold"),
                f"   {safe_line(summary)}",
                (safe_line(tags), dimmed),
                no_wrap=True,
                overflow="ellipsis",
            )
        )


class AboutLine(Static):
    """A line about the field under the cursor, or what is wrong with the form."""

    def tell(self, text: str, *, is_trouble: bool = False) -> None:
        """Show a sentence."""
        self.set_class(is_trouble, "-trouble")
        self.update(Text(safe_line(text, max_chars=400), no_wrap=True, overflow="ellipsis"))

    def tell_problems(self, problems: list[str]) -> None:
        """Show the first one, and how many there are besides."""
        more = f"  and {len(problems) - 1} more" if len(problems) > 1 else ""
        self.tell(f"{problems[0]}{more}", is_trouble=True)


class CommandLine(Static):
    """The command that starts the same run from a shell; a click copies it."""

    async def on_click(self) -> None:
        await self.run_action("screen.run_command('copy-command')")

    def show(self, draft: SetupDraft) -> None:
        """Spell the command."""
        command = "" if draft.ref is None else safe_line(draft.command(), max_chars=2_000)
        self.update(Text(command, overflow="ellipsis"))

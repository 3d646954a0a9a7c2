"""Styles of the roles that parts of a widget have, made of the theme's variables when asked.

Textual's component classes do the same with a rule of the stylesheet for each role. It applies them
to all widgets of a screen whenever a class of the screen changes: 40 ms for that of a study.
`draw_lines` draws lines of spans, which are texts with roles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.style import Style
from rich.text import Text
from textual import getters
from textual.widget import Widget

from hptui.ui.application.services import ServingApp
from hptui.ui.look.themes import colour_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hptui.ui.widgets.wrapped_lines import Span


@dataclass(frozen=True, slots=True)
class RoleStyle:
    """How a role looks: variables of the theme, without their `$`."""

    color: str = ""
    """Without one, the widget's own."""
    opacity: float = 1.0
    """Of the colour, 0 to 1."""
    background: str = ""
    """Without one, the widget's own."""
    text_style: str = ""
    """`bold`, `underline`, both, or the variable that says so, with its `$`."""


class RoleStyles:
    """The styles of a widget's roles, each made when it is first asked for.

    Args:
        widget: The widget.
        looks: Its roles.
        variables: Returns those of the theme in force.
    """

    def __init__(
        self,
        widget: Widget,
        looks: Mapping[str, RoleStyle],
        variables: Callable[[], Mapping[str, str]],
    ) -> None:
        self._widget, self._looks, self._variables_now = widget, looks, variables
        self._made_styles: dict[tuple[str, bool], Style] | None = None
        """What has been asked for in these colours."""
        self._variables: Mapping[str, str] | None = None

    def of(self, role: str, *, partial: bool = False) -> Style:
        """Return the style of a role; of the widget itself for none, and for an unknown role.

        Args:
            role: One of `looks`.
            partial: Leave out what the role takes from the widget, such as its background.
        """
        if self._made_styles is None:
            self._made_styles = {}
            self._variables = self._variables_now()
        style = self._made_styles.get((role, partial))
        if style is None:
            style = self._made(self._looks.get(role, _OWN), partial=partial)
            self._made_styles[role, partial] = style
        return style

    def forget(self) -> None:
        """Make the styles again: the theme, or what is behind the widget, may be another."""
        self._made_styles = None
        if self._variables is not None and self._variables != self._variables_now():
            self._widget.refresh()

    def _made(self, look: RoleStyle, *, partial: bool) -> Style:
        variables = self._variables_now()
        base = Style.null() if partial else self._widget.rich_style
        _, _, ground, _ = self._widget.colors
        text_style = look.text_style
        if text_style.startswith("$"):
            text_style = variables[text_style.removeprefix("$")]
        background = colour_of(variables, look.background, ground) if look.background else None
        color = None
        if look.color:
            behind = ground if background is None else ground + background
            color = colour_of(variables, look.color, behind).multiply_alpha(look.opacity)
            color = color if partial and color.a == 1 else behind + color
        return (
            base
            + Style.parse(text_style)
            + Style.from_color(
                None if color is None else color.rich_color,
                None if background is None else (ground + background).rich_color,
            )
        )


class RoleStyled(Widget):
    """A widget whose parts have roles; as the last of several bases it leaves CSS to the others."""

    ROLE_STYLES: ClassVar[Mapping[str, RoleStyle]] = {}
    _roles: RoleStyles | None = None

    app = getters.app(ServingApp)

    def style_of(self, role: str, *, partial: bool = False) -> Style:
        """Return the style of a role, see `RoleStyles.of`."""
        if self._roles is None:
            services = self.app.services
            self._roles = RoleStyles(self, self.ROLE_STYLES, lambda: services.theme_variables)
        return self._roles.of(role, partial=partial)

    def notify_style_update(self) -> None:
        """Make the styles again."""
        super().notify_style_update()
        if self._roles is not None:
            self._roles.forget()


_OWN: Final = RoleStyle()


def draw_lines(widget: RoleStyled, lines: Iterable[Iterable[Span]]) -> Text:
    """Return lines of spans in the styles that the widget has for their roles."""
    text = Text(no_wrap=True, overflow="crop", end="")
    for index, line in enumerate(lines):
        if index:
            text.append("\n")
        for part, role in line:
            if role:
                text.append(part, widget.style_of(role, partial=True))
            else:
                text.append(part)
    return text

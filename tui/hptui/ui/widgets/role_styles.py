"""Styles of the roles that parts of a widget have, made of the theme's variables when asked.

Textual's component classes do the same with a rule of the stylesheet for each role. It applies them
to all widgets of a screen whenever a class of the screen changes: 40 ms for that of a study.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.style import Style
from textual import getters
from textual.widget import Widget

from hptui.ui.application.services import ServingApp
from hptui.ui.look.themes import colour_of

if TYPE_CHECKING:
    from collections.abc import Mapping


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


class RoleStyled(Widget):
    """A widget whose parts have roles; as the last of several bases it leaves CSS to the others."""

    ROLE_STYLES: ClassVar[Mapping[str, RoleStyle]] = {}
    _role_styles: dict[tuple[str, bool], Style] | None = None
    """What has been asked for in these colours."""
    _variables: Mapping[str, str] | None = None

    app = getters.app(ServingApp)

    def style_of(self, role: str, *, partial: bool = False) -> Style:
        """Return the style of a role; of the widget itself for none, and for an unknown role.

        Args:
            role: A key of `ROLE_STYLES`.
            partial: Leave out what the role takes from the widget, such as its background.
        """
        if self._role_styles is None:
            self._role_styles = {}
            self._variables = self.app.services.theme_variables
        style = self._role_styles.get((role, partial))
        if style is None:
            style = self._made(self.ROLE_STYLES.get(role, _OWN), partial=partial)
            self._role_styles[role, partial] = style
        return style

    def notify_style_update(self) -> None:
        """Work the styles out again: the theme, or what is behind, may be another."""
        super().notify_style_update()
        self._role_styles = None
        if self._variables not in (None, self.app.services.theme_variables):
            self.refresh()

    def _made(self, look: RoleStyle, *, partial: bool) -> Style:
        variables = self.app.services.theme_variables
        base = Style.null() if partial else self.rich_style
        _, _, ground, _ = self.colors
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


_OWN: Final = RoleStyle()

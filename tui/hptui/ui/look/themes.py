"""The application's own themes, and the colours that every theme gets for states and charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from textual.color import Color
from textual.theme import Theme

from hptui.figures.canvas.ramp import CIVIDIS, VIRIDIS, ramp_colours
from hptui.figures.canvas.roles import RAMP

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_THEME: Final = "hptui-dark"
_ANSI: Final = "ansi_"
_AUTO: Final = "auto"
_KEY: Final = "footer-key-foreground"
_HALF: Final = 0.5
_MIN_STEP: Final = 0.2
"""Of brightness, from 0 to 1, between a key of the footer and the ground."""

OWN_COLOURS: Final = {
    "state-running": "primary",
    "state-complete": "success",
    "state-pruned": "warning",
    "state-failed": "error",
    "state-waiting": "dimmed",
    "state-best": "accent",
    "state-infeasible": "error",
    "chart-axis": "dimmed",
    "chart-trial": "success",
    "chart-median": "dimmed",
    "chart-target": "accent",
    "chart-selected": "foreground",
    "chart-series-1": "primary",
    "chart-series-2": "accent",
    "chart-series-3": "success",
    "chart-series-4": "secondary",
    "chart-series-5": "warning",
    "chart-series-6": "error",
}
"""Variables of ours, and the one that a theme without them has instead."""
_SIXTEEN_ON_DARK: Final = {
    "state-running": "55ffff",
    "state-complete": "55ff55",
    "state-pruned": "aa5500",
    "state-failed": "ff5555",
    "state-waiting": "aaaaaa",
    "state-best": "ffff55",
    "state-infeasible": "ff55ff",
    "chart-axis": "aaaaaa",
    "chart-trial": "00aa00",
    "chart-median": "aaaaaa",
    "chart-target": "55ffff",
    "chart-selected": "ffffff",
    "chart-series-1": "55ffff",
    "chart-series-2": "ffff55",
    "chart-series-3": "55ff55",
    "chart-series-4": "ff55ff",
    "chart-series-5": "00aaaa",
    "chart-series-6": "ff5555",
    "dimmed": "aaaaaa",
    "disabled": "555555",
    "rule": "555555",
    "footer-key-foreground": "ffff55",
    "block-cursor-background": "555555",
    "block-cursor-foreground": "ffffff",
    "block-cursor-blurred-background": "555555",
}
"""Of the sixteen colours of a terminal, as they are usually mixed."""
_SIXTEEN_ON_LIGHT: Final = {
    "state-running": "0000aa",
    "state-complete": "00aa00",
    "state-pruned": "aa5500",
    "state-failed": "aa0000",
    "state-waiting": "555555",
    "state-best": "aa00aa",
    "state-infeasible": "ff5555",
    "chart-axis": "555555",
    "chart-trial": "00aaaa",
    "chart-median": "555555",
    "chart-target": "0000aa",
    "chart-selected": "000000",
    "chart-series-1": "0000aa",
    "chart-series-2": "aa5500",
    "chart-series-3": "00aa00",
    "chart-series-4": "aa00aa",
    "chart-series-5": "00aaaa",
    "chart-series-6": "aa0000",
    "dimmed": "555555",
    "disabled": "aaaaaa",
    "rule": "aaaaaa",
    "footer-key-foreground": "aa00aa",
    "block-cursor-background": "aaaaaa",
    "block-cursor-foreground": "000000",
    "block-cursor-blurred-background": "aaaaaa",
}
_SIXTEEN_COLOUR_BLIND: Final = {
    "state-complete": "ffffff",
    "state-pruned": "5555ff",
    "state-failed": "aa5500",
    "chart-trial": "00aaaa",
    "chart-series-3": "ffffff",
    "chart-series-6": "aa5500",
}
"""Without green beside red."""
SHADES: Final = {"dimmed": 0.68, "disabled": 0.4, "rule": 0.16}
"""Variables of ours between a theme's background (0) and its foreground (1)."""


def own_themes() -> tuple[Theme, ...]:
    """Return the dark theme (the default), the light one and the colour-blind-safe one."""
    return (
        Theme(
            name=DEFAULT_THEME,
            primary="#7fb0e6",
            secondary="#8593a6",
            accent="#ffc861",
            foreground="#d3dae3",
            background="#10141b",
            surface="#161c25",
            panel="#232c39",
            success="#93c48b",
            warning="#c99567",
            error="#ea7a7a",
            variables={
                "chart-trial": "#6f9a86",
                "chart-series-1": "#7fb0e6",
                "chart-series-2": "#ffc861",
                "chart-series-3": "#93c48b",
                "chart-series-4": "#d996cc",
                "chart-series-5": "#62c7c2",
                "chart-series-6": "#ea7a7a",
                "border": "#4d607a",
                "border-blurred": "#2c3747",
                "block-cursor-background": "#2b4160",
                "block-cursor-foreground": "#f2f5f9",
                "block-cursor-text-style": "none",
                "block-cursor-blurred-background": "#1d2735",
                "footer-background": "#10141b",
                "footer-key-foreground": "#ffc861",
                "input-selection-background": "#3d5f8f 60%",
                "scrollbar": "#2c3747",
                "scrollbar-background": "#10141b",
                "scrollbar-corner-color": "#10141b",
            },
        ),
        Theme(
            name="hptui-light",
            dark=False,
            primary="#23618e",
            secondary="#6d675c",
            accent="#a05a00",
            foreground="#2b2823",
            background="#fbf8f1",
            surface="#f3eee2",
            panel="#e6dfcf",
            success="#35713b",
            warning="#8a5a2b",
            error="#b02a2a",
            variables={
                "chart-trial": "#4a7850",
                "chart-series-1": "#23618e",
                "chart-series-2": "#a05a00",
                "chart-series-3": "#35713b",
                "chart-series-4": "#8a3b8f",
                "chart-series-5": "#0b6f7d",
                "chart-series-6": "#b02a2a",
                "border": "#a4977c",
                "border-blurred": "#d8cfba",
                "block-cursor-background": "#cfe0ee",
                "block-cursor-foreground": "#1c1a17",
                "block-cursor-text-style": "none",
                "block-cursor-blurred-background": "#ece5d6",
                "footer-background": "#fbf8f1",
                "footer-key-foreground": "#a05a00",
                "input-selection-background": "#9fc4e0",
                "scrollbar": "#d8cfba",
                "scrollbar-background": "#fbf8f1",
                "scrollbar-corner-color": "#fbf8f1",
            },
        ),
        Theme(
            name="hptui-colour-blind",
            primary="#56b4e9",
            secondary="#9aa1a9",
            accent="#f0e442",
            foreground="#e3e6e9",
            background="#14161a",
            surface="#1b1e23",
            panel="#2a2e35",
            success="#b9c2ca",
            warning="#9a8f83",
            error="#e69f00",
            variables={
                "chart-ramp": "cividis",
                "chart-trial": "#7d9db5",
                "chart-series-1": "#56b4e9",
                "chart-series-2": "#e69f00",
                "chart-series-3": "#1fb585",
                "chart-series-4": "#cc79a7",
                "chart-series-5": "#f0e442",
                "chart-series-6": "#e8743b",
                "border": "#5b6470",
                "border-blurred": "#333840",
                "block-cursor-background": "#1f4a66",
                "block-cursor-foreground": "#ffffff",
                "block-cursor-text-style": "none",
                "block-cursor-blurred-background": "#23272d",
                "footer-background": "#14161a",
                "footer-key-foreground": "#56b4e9",
                "input-selection-background": "#2f6f99",
                "scrollbar": "#333840",
                "scrollbar-background": "#14161a",
                "scrollbar-corner-color": "#14161a",
            },
        ),
    )


def with_own_variables(variables: dict[str, str]) -> dict[str, str]:
    """Return a theme's variables with every one of ours, made of its own where it has none."""
    if variables["background"].startswith(_ANSI):
        # The terminal's own colours are not known, so nothing is between them.
        everything = {**dict.fromkeys(SHADES, f"{_ANSI}bright_black"), **variables}
    else:
        ground, ink = Color.parse(variables["background"]), Color.parse(variables["foreground"])
        shades = {name: ground.blend(ink, share).hex for name, share in SHADES.items()}
        everything = {**shades, **variables}
        if abs(colour_of(everything, _KEY, ground).brightness - ground.brightness) < _MIN_STEP:
            # Such themes have another ground below keys, which the footer here has not.
            everything[_KEY] = everything["accent"]
    own = {name: everything[stand_in] for name, stand_in in OWN_COLOURS.items()}
    return {**own, **_ramp(everything), **everything}


def _ramp(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the colours of `RAMP` that suit a theme; its own text's where nothing is known."""
    if variables["background"].startswith(_ANSI):
        return {f"chart-{role}": variables["foreground"] for role in RAMP}
    is_dark = Color.parse(variables["background"]).brightness < _HALF
    colours = CIVIDIS if variables.get("chart-ramp") == "cividis" else VIRIDIS
    return {f"chart-{r}": value for r, value in ramp_colours(colours, is_dark=is_dark).items()}


def in_sixteen_colours(variables: dict[str, str]) -> dict[str, str]:
    """Return a theme's variables for a terminal of sixteen colours, which are told apart there.

    The terminal shows the nearest it has of any other, and for most of a theme's that is a grey.
    """
    if variables["background"].startswith(_ANSI):
        return variables
    is_dark = Color.parse(variables["background"]).brightness < _HALF
    chosen = {**_SIXTEEN_ON_DARK} if is_dark else {**_SIXTEEN_ON_LIGHT}
    if is_dark and variables.get("chart-ramp") == "cividis":
        chosen |= _SIXTEEN_COLOUR_BLIND
    return {**variables, **{name: f"#{colour}" for name, colour in chosen.items()}}


def rich_colour(value: str) -> str:
    """Return a theme variable's colour as Rich spells it."""
    return value.removeprefix(_ANSI)


def colour_of(variables: Mapping[str, str], name: str, ground: Color) -> Color:
    """Return the colour that a theme variable stands for.

    Args:
        variables: The theme's: colours as CSS takes them, `$other` for that of another, or `auto`
            for what is seen best, each perhaps with an opacity in per cent behind it.
        name: Which one.
        ground: What is behind, for `auto`.

    Raises:
        KeyError: There is no such variable.
        textual.color.ColorParseError: It is no colour.
    """
    value, opacity = variables[name], 1.0
    while True:
        word, _, share = value.partition(" ")
        if share:
            opacity *= float(share.strip().removesuffix("%")) / 100
        if not word.startswith("$"):
            break
        value = variables[word.removeprefix("$")]
    if word == _AUTO:
        return ground.get_contrast_text(opacity)
    colour = Color.parse(word)
    return colour if opacity == 1 else colour.multiply_alpha(opacity)

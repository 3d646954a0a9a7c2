"""`hptui completion`: what a shell needs to complete the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse

_SHELLS: Final = ("bash", "zsh", "fish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui completion`."""
    parser.epilog = (
        "`source <(hptui completion bash)` tries it; `hptui help completion` tells more."
    )
    parser.add_argument(
        "shell", choices=_SHELLS, metavar="SHELL", help=f"which shell: {', '.join(_SHELLS)}"
    )


def run(args: argparse.Namespace) -> int:
    """Print the script of a shell."""
    from argcomplete.shell_integration import shellcode

    print(shellcode(["hptui"], shell=args.shell).strip())
    return 0

"""`hptui serve`: the application in a browser, for who knows the secret in the address.

textual-serve runs an application for each browser that comes, and carries keys and frames. Around
it stands a guard: whatever a request asks for, it is refused where its path does not begin with
the token. A path needs no cookie, and no other site's page can guess it.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import ipaddress
import os
import re
import secrets
import shlex
import socket
import sys
from typing import TYPE_CHECKING, Any, Final

from hptui.cli.commands.application import open_place
from hptui.cli.output.links import address_link
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError, MissingExtraError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Mapping

LIBRARY: Final = "textual_serve"
TOKEN_VARIABLE: Final = "HPTUI_SERVE_TOKEN"
"""Holds a token of a person's own: an argument could be read by all users of the machine."""
_HOST: Final = "127.0.0.1"
_PORT: Final = 8000
_MAX_PORT: Final = 65_535
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,200}", re.ASCII)
_TOKEN_BYTES: Final = 24
_ENDING_S: Final = 5.0
"""How long applications have for ending when the server ends."""
_HEADERS: Final = {
    # The page of textual-serve asks another site for a font.
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self' ws: wss:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add PATH, `--host` and `--port`."""
    parser.epilog = (
        "Anyone who has the printed address can do in the browser everything that you can do here. "
        f"Set {TOKEN_VARIABLE} to 16 or more letters or digits to keep the same address."
    )
    parser.add_argument(
        "path", metavar="PATH", nargs="?", help="what to open, as `hptui PATH` takes it"
    )
    parser.add_argument(
        "--host",
        metavar="HOST",
        default=_HOST,
        help=f"the address to listen on (default: {_HOST}, this machine alone)",
    )
    parser.add_argument(
        "--port",
        metavar="N",
        type=int,
        default=_PORT,
        help=f"the port to listen on (default: {_PORT}; 0: any that is free)",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until the process is ended."""
    if not 0 <= args.port <= _MAX_PORT:
        raise UsageError(f"--port is {args.port}, but must be from 0 to {_MAX_PORT}.")
    token = token_of(os.environ)
    # What cannot be opened is said here, not in each browser.
    open_place(args.path)
    if importlib.util.find_spec(LIBRARY) is None:
        raise MissingExtraError(
            "hptui serve needs the package textual-serve.", hint="pip install 'hptui[serve]'"
        )
    if not is_loopback(args.host):
        print(
            f"Warning: {safe_line(args.host)} is reachable from other machines, and nothing is "
            "encrypted. Anyone who intercepts the address can run programs as you; "
            "`ssh -L` to a server on 127.0.0.1 is safe.",
            file=sys.stderr,
        )
    return _Served(args.path, args.host, args.port, token).run()


def token_of(environment: Mapping[str, str]) -> str:
    """Return the secret that an address must have: a person's own, or a new one.

    Raises:
        UsageError: The person's own is too short, or has other characters than an address takes.
    """
    own = environment.get(TOKEN_VARIABLE)
    if own is None:
        return secrets.token_urlsafe(_TOKEN_BYTES)
    if not _TOKEN.fullmatch(own):
        raise UsageError(
            f"{TOKEN_VARIABLE} must have 16 to 200 letters, digits, - or _.",
            hint="Unset it to get a new token each time.",
        )
    return own


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches what listens on an address or name."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_allowed(path: str, token: str) -> bool:
    """Say whether the path of a request begins with the token."""
    given = path.lstrip("/").partition("/")[0]
    return secrets.compare_digest(given.encode("utf-8", "replace"), token.encode())


def is_own_page(origin: str | None, host: str | None) -> bool:
    """Say whether a request comes from a page of this server, or from no page at all."""
    return origin is None or origin.rpartition("//")[2] == host


def command_of(path: str | None) -> str:
    """Return the command that textual-serve gives to a shell for each browser."""
    words = [sys.executable, "-P", "-m", "hptui", *([] if path is None else [path])]
    return shlex.join(words)


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address.

    Raises:
        HptuiError: The address is none of this machine's, or another program listens there.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        is_taken = getattr(error, "errno", None) == errno.EADDRINUSE
        hint = "Another program listens there; choose another with --port." if is_taken else ""
        why = safe_line(getattr(error, "strerror", None) or error)
        raise HptuiError(
            f"hptui cannot listen on {safe_line(host)} port {port}: {why}.", hint=hint
        ) from error
    return listener


class _Served:
    """A server, until it is ended."""

    def __init__(self, path: str | None, host: str, port: int, token: str) -> None:
        self._host, self._port, self._token = host, port, token
        self._web: Any = importlib.import_module("aiohttp.web")
        server: Any = importlib.import_module("textual_serve.server")
        # Its address is that of each request: a tunnel may give it another one.
        self._server: Any = server.Server(command_of(path), title="hptui")
        self._index: Callable[[Any], Awaitable[Any]] = self._server.handle_index
        self._server.handle_index = self._show_page
        self._server.on_startup = self._say_nothing

    def run(self) -> int:
        """Serve until the process is ended.

        Raises:
            HptuiError: The address cannot be listened on.
        """
        with listening(self._host, self._port) as listener:
            # Any port that was free is known by now.
            self._port = listener.getsockname()[1]
            self._web.run_app(
                self._make(),
                sock=listener,
                print=None,
                access_log=None,
                shutdown_timeout=_ENDING_S,
            )
        return 0

    async def _make(self) -> Any:  # noqa: ANN401 - aiohttp may not be installed
        web = self._web

        @web.middleware
        async def guard(request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:  # noqa: ANN401
            if not is_allowed(request.path, self._token):
                return web.Response(status=403, text="The address has no valid token.\n")
            if not is_own_page(request.headers.get("Origin"), request.headers.get("Host")):
                return web.Response(
                    status=403, text="This request comes from another site's page.\n"
                )
            return await handler(request)

        app = web.Application(middlewares=[guard])
        app.add_subapp(f"/{self._token}/", await self._server._make_app())
        app.on_response_prepare.append(self._add_headers)
        app.on_startup.append(self._say_address)
        return app

    async def _add_headers(self, _: object, response: Any) -> None:  # noqa: ANN401
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)

    async def _show_page(self, request: Any) -> Any:  # noqa: ANN401
        is_safe = request.headers.get("X-Forwarded-Proto", request.scheme) == "https"
        # Nothing waits between this and the page that has it.
        self._server.public_url = f"{'https' if is_safe else 'http'}://{request.host}"
        return await self._index(request)

    async def _say_nothing(self, _: object) -> None:
        pass

    async def _say_address(self, _: object) -> None:
        host = f"[{self._host}]" if ":" in self._host else self._host
        address = f"http://{host}:{self._port}/{self._token}/"
        print(f"hptui is at {address_link(address)}", flush=True)
        print("Ctrl+C ends the server; runs go on without it.", flush=True)

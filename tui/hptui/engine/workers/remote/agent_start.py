"""How an agent is started by whatever starts programs on its machine."""

from __future__ import annotations

import json
from typing import Any, Final

_AGENT: Final = "hptui.engine.workers.remote.agent"
_UNPACK: Final = """
import io, os, sys, tarfile, tempfile
def read(n):
    data = b""
    while len(data) < n:
        more = os.read(0, n - len(data))
        if not more: sys.exit()
        data += more
    return data
folder = tempfile.mkdtemp(prefix="hptui-code-")
with tarfile.open(fileobj=io.BytesIO(read(int(read(12))))) as code: code.extractall(folder)
lib = os.path.join(folder, "lib")
sys.path.insert(0, lib)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [lib, os.environ.get("PYTHONPATH")]))
from hptui.engine.workers.remote.agent import main
main(sys.argv[1], folder)
"""
"""Reads an archive and its length from standard input, and starts the agent in it."""


def agent_words(python: str, path: str, *, is_packed: bool) -> list[str]:
    """Return the words that start an agent whose way to the engine is a socket at `path`."""
    return [python, "-P", *(["-c", _UNPACK] if is_packed else ["-m", _AGENT]), path]


def agent_input(config: dict[str, Any], code: bytes) -> bytes:
    """Return what an agent reads first."""
    told = json.dumps(config).encode("ascii") + b"\n"
    return b"%012d" % len(code) + code + told if code else told

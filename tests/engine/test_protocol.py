"""What is a message, and what is not."""

from __future__ import annotations

import pytest

from hptui.engine.ipc.protocol import ProtocolError, pack, unpack


def test_what_is_packed_is_unpacked():
    message = {"op": "é\n\0", "values": [1.5, float("inf"), None, True], "n": 2**70}
    assert unpack(pack(message).removesuffix(b"\n")) == message


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[1]", b"1", b'{"n":1} {}', b'{"n":1}x', b"\xff", b'{"n":' + b"[" * 10_000]
)
def test_all_else_is_no_message(line: bytes):
    with pytest.raises(ProtocolError, match="not a message"):
        unpack(line)

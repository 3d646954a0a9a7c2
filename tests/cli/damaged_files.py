"""Damage to a study file, by a seed: the same for the same seed, and of every kind."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGE: Final = 4096
_WORDS: Final = (
    b"COMPLETE",
    b'"low"',
    b"FloatDistribution",
    b"FINITE",
    b"MINIMIZE",
    b"hptui:",
    b"2026-",
)
_TIMES: Final = (
    "9999-12-31 23:59:59.999999",
    "0001-01-01 00:00:00",
    "today",
    "2026-03-01",
    7,
    b"\xff",
)
_TABLES: Final = (
    ("trials", "state"),
    ("trials", "number"),
    ("trial_params", "distribution_json"),
    ("trial_params", "param_value"),
    ("trial_params", "param_name"),
    ("trial_values", "value"),
    ("trial_values", "objective"),
    ("trial_intermediate_values", "step"),
    ("trial_system_attributes", "value_json"),
    ("trial_user_attributes", "key"),
    ("study_system_attributes", "value_json"),
    ("study_directions", "direction"),
    ("studies", "study_name"),
)
_CELLS: Final = (
    None,
    -1,
    2**63 - 1,
    1e308,
    "",
    "x" * 3000,
    "[" * 5000,
    '{"a": 1e999}',
    b"\x00\xff",
    "\x1b[2J",
)


def _flipped(rng: random.Random, whole: bytes) -> bytes:
    content = bytearray(whole)
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def _header_of_a_page(rng: random.Random, whole: bytes) -> bytes:
    content = bytearray(whole)
    start = PAGE * rng.randrange(len(content) // PAGE)
    for _ in range(rng.randint(1, 30)):
        content[start + rng.randrange(200)] = rng.randrange(256)
    return bytes(content)


def _end_of_a_page(rng: random.Random, whole: bytes) -> bytes:
    content = bytearray(whole)
    end = PAGE * rng.randrange(1, len(content) // PAGE + 1)
    for _ in range(rng.randint(1, 4)):
        content[end - 1 - rng.randrange(200)] ^= 1 << rng.randrange(8)
    return bytes(content)


def _truncated(rng: random.Random, whole: bytes) -> bytes:
    return whole[: rng.randrange(len(whole))]


def _swapped(rng: random.Random, whole: bytes) -> bytes:
    pages = [whole[at : at + PAGE] for at in range(0, len(whole), PAGE)]
    one, other = rng.randrange(len(pages)), rng.randrange(len(pages))
    if rng.random() < 0.5:
        pages[one] = pages[other]
    else:
        pages[one], pages[other] = pages[other], pages[one]
    return b"".join(pages)


def _other_length(rng: random.Random, whole: bytes) -> bytes:
    at = rng.randrange(len(whole))
    return whole[:at] + rng.randbytes(50) + whole[at + rng.randint(1, PAGE) :]


def _words(rng: random.Random, whole: bytes) -> bytes:
    content = bytearray(whole)
    for word in rng.sample(_WORDS, 3):
        at = content.find(word, rng.randrange(len(content)))
        for _ in range(rng.randint(1, 4) if at >= 0 else 0):
            content[at + rng.randrange(len(word))] = rng.choice([0, 0x80, 0xFF, 0x22, 0x7B])
    return bytes(content)


def _schema(rng: random.Random, whole: bytes) -> bytes:
    content = bytearray(whole)
    at = content.find(b"CREATE", rng.randrange(PAGE))
    for _ in range(rng.randint(1, 3) if at >= 0 else 0):
        content[min(at + rng.randrange(200), PAGE - 1)] = rng.choice([0xFF, 0x20, 0x2D, 0x27, 0x29])
    return bytes(content)


_OF_BYTES: Final[tuple[Callable[[random.Random, bytes], bytes], ...]] = (
    _flipped,
    _flipped,
    _header_of_a_page,
    _end_of_a_page,
    _truncated,
    _swapped,
    _other_length,
    _words,
    _schema,
)


def _cells(rng: random.Random, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for _ in range(rng.randint(1, 3)):
            if rng.random() < 0.3:
                table, column, cell = "trials", "datetime_start", rng.choice(_TIMES)
            else:
                (table, column), cell = rng.choice(_TABLES), rng.choice(_CELLS)
            # What a constraint refuses is no damage.
            connection.execute(
                f"UPDATE OR IGNORE {table} SET {column} = coalesce(?, {column})"
                f" WHERE rowid % ? = 0",
                (cell, rng.choice([1, 2, 7])),
            )


def damage(path: Path, whole: bytes, seed: int) -> str:
    """Write a sound study file with some damage to `path`; return what kind it is of."""
    rng = random.Random(seed)
    for suffix in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    if rng.random() < 0.15:
        path.write_bytes(whole)
        _cells(rng, path)
        return "cells"
    kind = rng.choice(_OF_BYTES)
    path.write_bytes(kind(rng, whole))
    if rng.random() < 0.08:
        path.with_name(f"{path.name}-wal").write_bytes(rng.randbytes(rng.choice([0, 10, 32, 5000])))
    if rng.random() < 0.05:
        journal = bytes.fromhex("d9d505f920a163d7") + rng.randbytes(rng.choice([0, 20, 600]))
        path.with_name(f"{path.name}-journal").write_bytes(journal)
    return kind.__name__.strip("_")

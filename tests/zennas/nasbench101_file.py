"""Files of NAS-Bench-101, written by an encoder of its own: bit by bit and field by field."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Sequence
from typing import Any

from SearchSpace.nasbench101 import Cell101, parameters

CELLS = ("conv3x3-bn-relu~0|output~0,1", "maxpool3x3~0|conv1x1-bn-relu~0|output~1,2", "output~0")


def crc_by_bits(content: bytes) -> int:
    state = 0xFFFFFFFF
    for byte in content:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


def checksum(content: bytes) -> bytes:
    crc = crc_by_bits(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32)


def framed(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    return length + checksum(length) + content + checksum(content)


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value % 128 + 128]) + varint(value // 128)


def evaluation(epoch: float, val: float, test: float) -> bytes:
    path = b"gs://model.ckpt-0"
    doubles = ((1, epoch), (2, 10.0 * epoch), (3, 1.0), (4, val), (5, test))
    inner = b"".join(varint(number * 8 + 1) + struct.pack("<d", value) for number, value in doubles)
    inner += varint(6 * 8 + 2) + varint(len(path)) + path
    return varint(1 * 8 + 2) + varint(len(inner)) + inner


def metrics(params: int, epochs: int, val: float, test: float) -> bytes:
    """The three evaluations of a training: before, halfway and at the end."""
    before = evaluation(0, 0.1, 0.1) + evaluation(epochs / 2, 0.5, 0.5)
    return before + evaluation(epochs, val, test) + varint(2 * 8) + varint(params) + b"\x19" + struct.pack("<d", 3.5)


def row(notation: str, epochs: int, val: float, test: float, /, **other: Any) -> list[Any]:
    cell = Cell101.parse(notation)
    size = cell.output + 1
    matrix = "".join("1" if (i, j) in cell.edges else "0" for i in range(size) for j in range(size))
    message = metrics(parameters(cell), epochs, val, test)
    fields = {
        "hash": f"{len(notation):032x}",
        "epochs": epochs,
        "adjacency": matrix,
        "operations": ",".join(("input", *cell.operations, "output")),
        "metrics": base64.b64encode(other.pop("message", message)).decode(),
    }
    return list({**fields, **other}.values())


def file_of(rows: Sequence[Any]) -> bytes:
    return b"".join(framed(json.dumps(one).encode()) for one in rows)

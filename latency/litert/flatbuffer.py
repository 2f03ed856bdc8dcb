"""The bytes of a LiteRT file, by the tables of TensorFlow Lite's schema (version 3). flatbuffers is imported when one
is written.

A table is a list of slots, whose numbers are the order of fields in the schema; fields with default values are left
out. Equal models give equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from latency.litert.model import TYPES, Field, Model, Operator, Options, Quantisation, Tensor

IDENTIFIER = b"TFL3"
VERSION = 3
ALIGNMENT = 16
"""Of constants in bytes, as kernels on microcontrollers read them where they are."""
LAST_OLD_CODE = 127
"""Codes of operators above it have a field of their own; the old field, of one byte, then has this value."""

Place: TypeAlias = int
"""Where a written vector or table is, as the builder counts."""
Row: TypeAlias = "tuple[int, Place] | Field"
"""One field of a table: a slot with a place, or a number."""


def why_not() -> str | None:
    """Return None if LiteRT files can be written here, else what is missing."""
    return None if find_spec("flatbuffers") else "flatbuffers is not installed: pip install 'zennas[litert]'"


def written(model: Model) -> bytes:
    """Return the content of the file of a model."""
    import flatbuffers

    return _Writer(flatbuffers.Builder(1 << 16)).model(model)


class _Writer:
    def __init__(self, builder: Any) -> None:
        self._b = builder
        self._vectors: dict[tuple[str, bytes], Place] = {}

    def model(self, model: Model) -> bytes:
        codes = sorted({(operator.code, operator.version) for operator in model.operators})
        held = [tensor.data for tensor in model.tensors if tensor.data is not None]
        contents = [np.ascontiguousarray(data).tobytes() for data in held]
        metadata = [(name, 1 + len(held) + i) for i, name in enumerate(model.metadata)]
        numbers = iter(range(1, 1 + len(held)))  # buffer 0 is empty, for all values
        tensors = self._tables(
            model.tensors, lambda tensor: self._tensor(tensor, 0 if tensor.data is None else next(numbers))
        )
        operators = self._tables(model.operators, lambda operator: self._operator(operator, codes))
        graph = self._table(
            [
                (0, tensors),
                (1, self._numbers(model.inputs, np.int32)),
                (2, self._numbers(model.outputs, np.int32)),
                (3, operators),
            ]
        )
        root = self._table(
            [
                Field(0, "uint32", VERSION),
                (1, self._tables(codes, self._code)),
                (2, self._places([graph])),
                (3, self._b.CreateString(model.description)),
                (4, self._tables([b"", *contents, *model.metadata.values()], self._buffer)),
                *([(6, self._tables(metadata, self._metadata))] if metadata else []),
            ]
        )
        self._b.Finish(root, IDENTIFIER)
        return bytes(self._b.Output())

    def _tensor(self, tensor: Tensor, buffer: int) -> Place:
        rows: list[Row] = [
            (0, self._numbers(tensor.shape, np.int32)),
            Field(1, "int8", TYPES[tensor.type]),
            Field(2, "uint32", buffer),
            (3, self._b.CreateString(tensor.name)),
        ]
        if tensor.quantisation is not None:
            rows.append((4, self._quantisation(tensor.quantisation)))
        return self._table(rows)

    def _quantisation(self, found: Quantisation) -> Place:
        return self._table(
            [
                (2, self._numbers(found.scales, np.float32)),
                (3, self._numbers(found.zero_points, np.int64)),
                Field(6, "int32", found.dimension),
            ]
        )

    def _operator(self, operator: Operator, codes: list[tuple[Any, int]]) -> Place:
        rows: list[Row] = [
            Field(0, "uint32", codes.index((operator.code, operator.version))),
            (1, self._numbers(operator.inputs, np.int32)),
            (2, self._numbers(operator.outputs, np.int32)),
        ]
        if operator.options is not None:
            rows += [Field(3, "uint8", operator.options.kind), (4, self._options(operator.options))]
        return self._table(rows)

    def _options(self, options: Options) -> Place:
        return self._table(options.fields)

    def _code(self, code: tuple[int, int]) -> Place:
        number, version = code
        old = min(number, LAST_OLD_CODE)
        return self._table([Field(0, "int8", old), Field(2, "int32", version, 1), Field(3, "int32", number)])

    def _buffer(self, content: bytes) -> Place:
        return self._table([(0, self._aligned(content))] if content else [])

    def _metadata(self, entry: tuple[str, int]) -> Place:
        name, buffer = entry
        return self._table([(0, self._b.CreateString(name)), Field(1, "uint32", buffer)])

    # -- vectors and tables --------------------------------------------------------------------

    def _tables(self, parts: Sequence[Any], write: Callable[[Any], Place]) -> Place:
        return self._places([write(part) for part in parts])

    def _places(self, places: Sequence[Place]) -> Place:
        self._b.StartVector(4, len(places), 4)
        for place in reversed(places):
            self._b.PrependUOffsetTRelative(place)
        return int(self._b.EndVector())

    def _numbers(self, values: Sequence[int] | NDArray[Any], kind: type[np.generic]) -> Place:
        """Write a vector of numbers, or return the place of an equal one: shapes and zero points repeat."""
        found = np.asarray(values, kind)
        key = (found.dtype.name, found.tobytes())
        if key not in self._vectors:
            self._vectors[key] = int(self._b.CreateNumpyVector(found))
        return self._vectors[key]

    def _aligned(self, content: bytes) -> Place:
        b, count = self._b, len(content)
        b.StartVector(1, count, ALIGNMENT)
        b.head -= count
        b.Bytes[b.head : b.head + count] = content
        return int(b.EndVector())

    def _table(self, rows: Sequence[Row]) -> Place:
        b = self._b
        add = {
            "bool": b.PrependBoolSlot,
            "int8": b.PrependInt8Slot,
            "uint8": b.PrependUint8Slot,
            "int32": b.PrependInt32Slot,
            "uint32": b.PrependUint32Slot,
        }
        b.StartObject(1 + max((row[0] for row in rows), default=-1))
        for row in rows:
            if isinstance(row, Field):
                add[row.type](row.slot, row.value, row.default)
            else:
                b.PrependUOffsetTRelativeSlot(*row, 0)
        return int(b.EndObject())

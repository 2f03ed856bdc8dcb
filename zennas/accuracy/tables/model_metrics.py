"""The message ModelMetrics of NAS-Bench-101, read from protocol buffers without the package `protobuf`. No torch.

A message is a sequence of fields; each begins with its number and the type of its value as one varint
(protobuf.dev/programming-guides/encoding). Of nasbench/lib/model_metrics.proto, the fields that are used are

    ModelMetrics    1 evaluation_data (repeated EvaluationData)   2 trainable_parameters (int32)
    EvaluationData  1 current_epoch   4 validation_accuracy   5 test_accuracy (doubles)

The first evaluation is made before training, the second after half of the epochs, and the last at the end.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_DOUBLE = struct.Struct("<d")
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_EVALUATION, _PARAMETERS = (1, _LENGTH), (2, _VARINT)
_EPOCH, _VALIDATION, _TEST = (1, _EIGHT_BYTES), (4, _EIGHT_BYTES), (5, _EIGHT_BYTES)


@dataclass(frozen=True)
class Training:
    """What is kept of one training: number of parameters, epochs trained, and accuracies from 0 to 1."""

    parameters: int
    epochs: float
    validation: float
    test: float


def read_metrics(message: bytes) -> Training:
    """Return what a serialised ModelMetrics says of the end of its training.

    Raises ValueError, saying what is wrong in a few words, if it is not such a message or lacks a value.
    """
    parameters: int | None = None
    evaluation: bytes | None = None
    for key, value in _fields(message):
        if key == _EVALUATION:
            evaluation = bytes(value)  # they are in the order of time
        elif key == _PARAMETERS:
            parameters = int(value)
    if parameters is None or evaluation is None:
        raise ValueError("its metrics lack " + ("trainable_parameters" if parameters is None else "evaluation_data"))
    found = {key: _DOUBLE.unpack(bytes(value))[0] for key, value in _fields(evaluation) if key[1] == _EIGHT_BYTES}
    try:
        epochs, validation, test = found[_EPOCH], found[_VALIDATION], found[_TEST]
    except KeyError:
        raise ValueError("the last evaluation of its metrics lacks current_epoch or an accuracy") from None
    for name, accuracy in (("validation", validation), ("test", test)):
        if not 0 <= accuracy <= 1:
            raise ValueError(f"its {name} accuracy is {accuracy}, expected 0 to 1")
    return Training(parameters, epochs, validation, test)


def _fields(message: bytes) -> Iterator[tuple[tuple[int, int], int | bytes]]:
    """Yield ((number, type), value) of every field: an int for varints, bytes otherwise. Raises ValueError."""
    place, end = 0, len(message)
    while place < end:
        tag, place = _varint(message, place) if message[place] >= 0x80 else (message[place], place + 1)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield (number, kind), value
            continue
        if kind == _EIGHT_BYTES:
            size = 8
        elif kind == _LENGTH:
            size, place = _varint(message, place)
        elif kind == _FOUR_BYTES:
            size = 4
        else:
            raise ValueError(f"its metrics are no protocol buffer, a field has type {kind}")
        if place + size > end:
            raise ValueError("its metrics end within a field")
        yield (number, kind), message[place : place + size]
        place += size


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """Return a number of 7 bits a byte, lowest first, and the place after it. Raises ValueError."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError("its metrics end within a number")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("its metrics have a number of more than 10 bytes")

"""A LiteRT file in INT8 as a C header, to be compiled into the program of a microcontroller."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from zennas.accuracy.comparison import FileAnswers
from zennas.exporting.base import FORMATS, ExportError, ExportJob, Options, Plan
from zennas.exporting.formats._litert import (
    INT8_OPTIONS,
    PACKAGES,
    in_int8,
    int8_facts,
    int8_plan,
    memory_facts,
    why_not,
)
from zennas.exporting.litert.running import End, ends_of, litert_answers

NAME = "zennas_model"
PER_LINE = 16
HEADER = """\
// {network}: a LiteRT model in INT8, written by zennas. How to prepare images is in the JSON file next to this one.
// Input: int8, {image}. Output: int8, {logits}. real = scale * (stored - zero_point).
#pragma once

#ifdef __cplusplus
#define ZENNAS_ALIGNED alignas(16)
#else
#define ZENNAS_ALIGNED _Alignas(16)
#endif

// Memory for the interpreter with its reference kernels; kernels of a vendor may ask for more.
#define ZENNAS_ARENA_SIZE {arena}
#define ZENNAS_MODEL_SIZE {size}
#define ZENNAS_INPUT_SCALE {image_scale}
#define ZENNAS_INPUT_ZERO_POINT {image_zero}
#define ZENNAS_OUTPUT_SCALE {logits_scale}
#define ZENNAS_OUTPUT_ZERO_POINT {logits_zero}

ZENNAS_ALIGNED static const unsigned char {name}[ZENNAS_MODEL_SIZE] = {{
{bytes}
}};
"""


class CArray:
    name = "c-array"
    summary = "LiteRT in INT8 as a C header, to compile into firmware"
    options = INT8_OPTIONS
    packages = PACKAGES

    def plan(self, options: Options) -> Plan:
        return int8_plan(options, ".h")

    def available(self, plan: Plan) -> str | None:
        return why_not()

    def make(self, job: ExportJob) -> bytes:
        content = in_int8(job)
        return header(content, job.model.name, memory_facts(job)["arena_bytes"]).encode()

    def load(self, content: bytes) -> FileAnswers:
        return litert_answers(array_in(content.decode()))

    def facts(self, content: bytes, job: ExportJob) -> dict[str, Any]:
        return int8_facts(array_in(content.decode()), job)

    def usage(self, path: Path) -> str:
        return f'#include "{path}"  // tflite::GetModel({NAME})'


def header(content: bytes, network: str, arena: int) -> str:
    """Return the C header with a file as an array. network: its name, for the comment. arena: its memory in bytes."""
    image, logits = ends_of(content)
    rows = [content[start : start + PER_LINE] for start in range(0, len(content), PER_LINE)]
    return HEADER.format(
        network=" ".join(network.replace("\\", "/").split()),
        name=NAME,
        size=len(content),
        arena=arena,
        image=_shape(image),
        logits=_shape(logits),
        image_scale=_float(image.scale),
        image_zero=image.zero_point,
        logits_scale=_float(logits.scale),
        logits_zero=logits.zero_point,
        bytes="\n".join("    " + ", ".join(f"0x{one:02x}" for one in row) + "," for row in rows),
    )


def array_in(text: str) -> bytes:
    """Return the content of the file in a header. Raises ExportError if it is not complete."""
    size = re.search(r"^#define ZENNAS_MODEL_SIZE (\d+)$", text, re.MULTILINE)
    array = text.rpartition("{")[2]  # the network's name above it may contain such numbers
    content = bytes(int(one, 16) for one in re.findall(r"\b0x([0-9a-f]{2})\b", array))
    if size is None or len(content) != int(size.group(1)):
        raise ExportError("the header does not contain the whole file: export it again")
    return content


def _shape(end: End) -> str:
    return " x ".join(map(str, end.shape))


def _float(value: float) -> str:
    return f"{value:.9g}f" if "." in f"{value:.9g}" or "e" in f"{value:.9g}" else f"{value:.9g}.0f"


FORMATS.add("c-array", CArray())

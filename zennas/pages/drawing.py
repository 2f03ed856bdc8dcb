"""Networks block by block, as data for the drawing in the page. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass

from PlainNet import BlockSpec
from PlainNet.blocktype import block_type
from PlainNet.sizes import Size
from zennas.common.numbers import counted
from zennas.report.memories import Running

LONGEST = 3000
"""Characters of a text that are shown."""


@dataclass(frozen=True)
class Block:
    """A block. channels, size: of its output, in pixels; 0 for a vector. memory: the most bytes of values in use while
    it runs, in float32, or in INT8 as a microcontroller runs it; None if that is not known, or if other blocks take
    over all of its operations. ms: its predicted latency, None if it is not known.
    """

    name: str
    detail: str
    channels: int
    size: Size
    layers: int
    params: int
    flops: int
    memory: int | None
    ms: float | None


@dataclass(frozen=True)
class Arena:
    """The RAM of a network for one image in INT8, in bytes: with the plan that exported files carry, and with that of
    the interpreter. operators: what is in use while each runs; their blocks are the numbers in `Drawn.blocks`. each:
    whether these are all, or of each block only the one during which most is in use.
    """

    ram_bytes: int
    ram_bytes_planner: int
    operators: tuple[Running, ...]
    each: bool


@dataclass(frozen=True)
class Drawn:
    """A network. number: its number in the page. title: what it is in the run, such as its rank and score.
    facts: its costs and scores in words. image: the size of the input in pixels. arena: its RAM, if it is shown.
    """

    number: int
    title: str
    structure: str
    facts: tuple[tuple[str, str], ...]
    image: Size
    blocks: tuple[Block, ...]
    arena: Arena | None = None


@dataclass(frozen=True)
class Networks:
    """Networks of a run, of which one is drawn at a time, the first one at first.

    device: that of the latencies. int8: whether memory is RAM in INT8. ram: what it is held against, such as
    ("budget", 65536) in bytes.
    """

    networks: tuple[Drawn, ...]
    device: str | None
    int8: bool = False
    ram: tuple[str, int] | None = None


def described(spec: BlockSpec, layers: int) -> tuple[str, str]:
    """Return the name of a block and its arguments in words, such as "8 → 16 channels, stride 2"."""
    if spec.branches:
        return spec.kind, cut(str(spec))
    params = {param.name: param for param in block_type(spec.kind).params}
    values = dict(zip(params, spec.args, strict=False))
    words = []
    if "in_channels" in values and "out_channels" in values:
        words.append(f"{values.pop('in_channels')} → {values.pop('out_channels')} channels")
    for name, value in values.items():
        if name == "sub_layers":
            continue
        said = f"{value} channels" if name == "channels" else f"{argument_name(name)} {params[name].said(value)}"
        words.append(said)
    if layers > 1:
        words.append(counted(layers, "layer"))
    return spec.kind, ", ".join(word for word in words if word != "stride 1")


def argument_name(name: str) -> str:
    """Return the name of a block's argument in words: "kernel" for `kernel_size`."""
    return name.removesuffix("_channels").removesuffix("_size").replace("_", " ")


def cut(text: str, longest: int = LONGEST) -> str:
    """Return the text, without its end if it is very long."""
    return text if len(text) <= longest else f"{text[:longest]}…"

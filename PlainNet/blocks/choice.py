"""`Choice{a;b;…}`: a block that is one of several alternatives, which all take and give the same shapes.

Each alternative is a sequence of blocks; `Identity(channels)` is the one that does nothing. A structure with choices is
a search space, not a network: it is parsed and printed, and `PlainNet/choices.py` chooses. Everything else refuses it,
since its cost and its module depend on the choice. Choices of the same name, `Choice{name|a;b}`, are one decision. They
stand between the blocks of a structure, not inside another block.
"""

from __future__ import annotations

from PlainNet.blocks.containers import branches
from PlainNet.blocktype import BlockType, register
from PlainNet.ir import CHOICE, BlockSpec
from PlainNet.lowering import Builder, Value


def choice(b: Builder, x: Value, spec: BlockSpec) -> Value:
    if "." in b.path:
        raise b.fail("a Choice stands between the blocks of a structure, and this one is inside another block")
    outputs = branches(b, x, spec)
    for number, other in enumerate(outputs, start=1):
        if other.shape != outputs[0].shape:
            raise b.fail(f"alternative {number} gives {other.shape}, but alternative 1 gives {outputs[0].shape}")
    if not b.open_choices:
        raise b.fail(
            f"a Choice has {len(outputs)} alternatives, and a network has one of them: choose first, for example with "
            "zennas proxyless, or in Python with PlainNet.choices.chosen"
        )
    return outputs[0]


register(BlockType(CHOICE, (), lower=choice, inner="branches"))

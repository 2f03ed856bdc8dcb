"""Mutations as in Zen-NAS, and spaces by name and by file."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from PlainNet import BlockSpec, Structure, cost, parse
from PlainNet.registry import UnknownNameError
from SearchSpace import SearchSpaceError, load_space
from SearchSpace.superblocks import channel_options, sub_layer_options

XXBL = "SuperConvK3BNRELU(3,64,1,1)SuperResK3K3(64,80,2,40,2)SuperConvK1BNRELU(80,128,1,1)"


def test_channels_are_scaled_and_rounded() -> None:
    assert channel_options(64, 2048) == (24, 32, 40, 48, 64, 80, 96, 128, 160)
    assert channel_options(8, 2048) == (8, 16)  # 20 is rounded to even eights, as in Zen-NAS
    assert channel_options(2000, 2048)[-1] == 2048
    assert sub_layer_options(1) == (1, 2, 3)
    assert sub_layer_options(4) == (2, 3, 4, 5, 6)


def children(name: str, start: str, count: int = 600) -> list[Structure]:
    space, rng = load_space(name, parse(start)), Random(0)
    return [space.mutate(space.initial(), rng) for _ in range(count)]


def test_a_mutation_changes_one_block_and_joins_the_next() -> None:
    start = parse(XXBL)
    for child in children("XXBL", XXBL):
        changed = [i for i, (a, b) in enumerate(zip(start.blocks, child.blocks, strict=True)) if a != b]
        assert len(changed) <= 2
        if len(changed) == 2:
            first, second = changed
            assert second == first + 1
            assert child.blocks[second].args[1:] == start.blocks[second].args[1:]
        assert cost(child).params > 0


def test_all_choices_come_up() -> None:
    middles = [child.blocks[1] for child in children("XXBL", XXBL, 3000)]
    assert {b.kind for b in middles} == set(load_space("XXBL").kinds)  # type: ignore[attr-defined]
    assert {b.args[1] for b in middles} == set(channel_options(80, 2048))
    assert {b.args[3] for b in middles} == set(channel_options(40, 2048))
    assert {b.args[4] for b in middles} == {1, 2, 3, 4}
    assert {child.blocks[0].args[1] for child in children("XXBL", XXBL)} == set(channel_options(64, 2048))
    assert len({child.blocks[2].args[1] for child in children("XXBL", XXBL)}) > 1


def test_idw_keeps_its_last_layer() -> None:
    start = "SuperConvK3BNRELU(3,16,2,1)SuperResIDWE2K3(16,32,2,16,2)SuperConvK1BNRELU(32,2048,1,1)"
    for child in children("IDW_fixfc", start):
        assert child.blocks[-1].args[1] == 2048


def test_deep_blocks_are_split() -> None:
    start = "SuperConvK3BNRELU(3,16,1,1)SuperResK3K3(16,32,2,16,5)SuperConvK1BNRELU(32,64,1,1)"
    split = [child for child in children("XXBL", start) if len(child) == 4]
    assert split
    for child in split:
        first, second = child.blocks[1:3]
        assert first.args[-1] == 3
        assert second.args[-1] in (3, 4)
        assert (first.args[2], second.args[2]) == (2, 1)
        assert second.args[0] == second.args[1] == first.args[1]


def test_two_changes_reach_two_blocks() -> None:
    space, rng, start = load_space("XXBL", parse(XXBL)), Random(0), parse(XXBL)
    both = [space.mutate(start, rng, changes=2) for _ in range(300)]
    assert any(a.blocks[0].args[1:] != start.blocks[0].args[1:] and a.blocks[1].kind != "SuperResK3K3" for a in both)


def test_spaces_by_name_and_path() -> None:
    root = Path(__file__).resolve().parents[2]
    names = [
        "XXBL",
        "xxbl",
        "search_space_XXBL",
        "SearchSpace/search_space_XXBL.py",
        str(root / "SearchSpace/search_space_XXBL.py"),
    ]
    assert {load_space(name).name for name in names} == {"XXBL"}
    with pytest.raises(UnknownNameError, match=r"known: .*XXBL"):
        load_space("nowhere")
    with pytest.raises(SearchSpaceError, match="is not a file"):
        load_space("nowhere.py")
    with pytest.raises(SearchSpaceError, match="cannot be in search space XXBL"):
        load_space("XXBL", parse("ConvKX(3,8,3,1)"))


SIMPLE = """
def gen_search_space(block_list, block_id):
    block = block_list[block_id]
    if block_id == 1:
        return [[f"SuperResK3K3({block.in_channels},{c},{block.stride},8,1)" for c in (8, 16)], [""]]
    return [[str(block)]]
"""

ZEN_NAS_STYLE = """
import itertools
import global_utils
from PlainNet import basic_blocks, super_blocks, SuperResKXKX, SuperResK1KXK1, SuperResIDWEXKX

KINDS = {SuperResKXKX.SuperResK3K3: 8, SuperResK1KXK1.SuperResK1K5K1: 8, SuperResIDWEXKX.SuperResIDWE2K3: 8}

def gen_search_space(block_list, block_id):
    block = block_list[block_id]
    if isinstance(block, super_blocks.SuperConvKXBNRELU):
        width = global_utils.smart_round(block.out_channels * 1.5, base=8)
        if block.kernel_size == 1:
            width = block.out_channels
        return [[type(block).__name__ + '({},{},{},1)'.format(block.in_channels, width, block.stride)]]
    found = []
    for kind, depth in itertools.product(KINDS, (block.sub_layers, block.sub_layers + 1)):
        found.append(kind.__name__ + '({},{},{},{},{})'.format(
            block.in_channels, block.out_channels, block.stride, block.bottleneck_channels, depth))
    families = (SuperResKXKX.SuperResKXKX, SuperResK1KXK1.SuperResK1KXK1, SuperResIDWEXKX.SuperResIDWEXKX)
    assert isinstance(block, families)
    return [found]
"""


@pytest.mark.parametrize("source", [SIMPLE, ZEN_NAS_STYLE])
def test_a_file_of_the_user(tmp_path: Path, source: str) -> None:
    import sys

    path = tmp_path / "mine.py"
    path.write_text(source)
    space, rng = load_space(str(path)), Random(0)
    structure, seen = space.initial(), set()
    for _ in range(60):
        structure = space.mutate(structure, rng, changes=2)
        assert cost(structure).params > 0
        assert space.contains(structure)
        seen.add(structure)
    assert len(seen) > 1
    assert "global_utils" not in sys.modules
    assert "PlainNet.super_blocks" not in sys.modules


BROKEN = {
    "def gen_search_space(": "fails with SyntaxError",
    "import nonexistent_module": "nonexistent_module",
    "x = 1": "does not define gen_search_space",
    "def gen_search_space(blocks, i): raise KeyError('oh')": "for block .* fails with KeyError",
    "def gen_search_space(blocks, i): return []": "returns no block strings",
    "def gen_search_space(blocks, i): return ['BN(8)']": "expected a list of lists",
    "def gen_search_space(blocks, i): raise SystemExit(3)": "fails with SystemExit: 3",
    "raise SystemExit": "fails with SystemExit",
    "def gen_search_space(blocks, i): return [[3]]": "returns no block strings",
    "def gen_search_space(blocks, i): return [['Nonsense(1)']]": "unknown block",
    "def gen_search_space(blocks, i): return [['BN(8)BN(8)']]": "expected one block",
}


@pytest.mark.parametrize("source", BROKEN)
def test_broken_files_say_what_is_wrong(tmp_path: Path, source: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(source)
    with pytest.raises(SearchSpaceError, match=BROKEN[source]) as caught:
        load_space(str(path)).mutate(parse("BN(8)"), Random(0))
    assert "broken.py" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_may_remove_blocks_but_not_all(tmp_path: Path) -> None:
    path = tmp_path / "remove.py"
    path.write_text("def gen_search_space(blocks, i): return [['']]")
    space = load_space(str(path), Structure.of([BlockSpec("BN", (3,)), BlockSpec("RELU", (3,))]))
    one = space.mutate(space.initial(), Random(0))
    assert len(one) == 1
    assert space.mutate(one, Random(0)) == one

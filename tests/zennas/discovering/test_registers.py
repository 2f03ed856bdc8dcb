"""Random sequential programs and their variation."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from zennas.common.errors import WrongSettingError
from zennas.discovering.choices import MOST_INSTRUCTIONS, EvolutionSettings
from zennas.discovering.grammar import drawing
from zennas.discovering.registers import Registers
from ZeroShotProxy.programs.operations import OPERATIONS
from ZeroShotProxy.programs.sequential import parse_sequential
from ZeroShotProxy.programs.statistics import STATISTICS
from ZeroShotProxy.programs.terminals import KINDS, operations_on
from ZeroShotProxy.programs.tree import LONGEST, depth, size, statistics_of

SETTINGS = EvolutionSettings(form="sequential", deepest=6, nodes=40, instructions=12)
READ = ("weight", "pre_noise", "grad_pre_data")


def test_programs_are_within_the_limits_and_follow_from_the_seed() -> None:
    registers = Registers(SETTINGS, READ)
    with drawing(3):
        programs = [registers.random() for _ in range(60)]
        for _ in range(200):
            programs.append(registers.crossed(random.choice(programs), random.choice(programs)))
            programs.append(registers.mutated(random.choice(programs)))
    for program in programs:
        assert 2 <= depth(program.tree) <= 6
        assert size(program.tree) <= 40
        assert 1 <= len(program.instructions) <= 12
        assert statistics_of(program.tree) <= set(READ)
        assert parse_sequential(str(program)) == program
    assert {one.operation for program in programs for one in program.instructions} == set(OPERATIONS)
    with drawing(3):
        assert [registers.random() for _ in range(60)] == programs[:60]


def test_children_have_lines_of_both_parents() -> None:
    registers = Registers(SETTINGS, tuple(STATISTICS))
    first = parse_sequential("d0 = exp(weight); d1 = square(d0); d2 = abs(d1)")
    second = parse_sequential("d0 = sign(pre_noise); d3 = log(d0); s0 = mean(d3)")
    with drawing(1):
        children = {str(registers.crossed(first, second)) for _ in range(60)}
    assert "d0 = exp(weight); d1 = square(d0); d0 = sign(pre_noise); d3 = log(d0); s0 = mean(d3)" in children
    assert "d0 = exp(weight); d3 = log(d0); s0 = mean(d3)" in children


def test_settings() -> None:
    with pytest.raises(WrongSettingError, match="instructions is 2, expected at least the smallest depth 3"):
        replace(SETTINGS, shallowest=3, instructions=2)
    longest = max(map(len, (*OPERATIONS, *STATISTICS)))
    assert MOST_INSTRUCTIONS * (3 * longest + 14) < LONGEST


def test_closed_forms_are_no_matrices() -> None:
    """As in searches for trees, operations that can give nothing for vectors are not drawn."""
    statistics = KINDS["closed-form"]
    registers = Registers(SETTINGS, statistics)
    with drawing(0):
        programs = [registers.random() for _ in range(200)]
    drawn = {one.operation for program in programs for one in program.instructions}
    assert drawn == {one.name for one in operations_on("closed-form")} < set(OPERATIONS)

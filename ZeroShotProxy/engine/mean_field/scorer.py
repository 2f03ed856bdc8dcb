"""The score `mean_field` of structures at one resolution: by cached blocks where possible, else by a walk."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from PlainNet import BlockSpec, Options, Structure, StructureError
from PlainNet.blocktype import in_channels
from PlainNet.ir import does_not_join
from PlainNet.lowering import lower
from PlainNet.sizes import Size, area, sides
from PlainNet.template import Template, template_of
from ZeroShotProxy.engine.mean_field import STEPS, sums
from ZeroShotProxy.engine.mean_field.blocks import (
    Family,
    Form,
    Link,
    Step,
    family_of,
    form_of,
    link_of,
    linked,
    step_of,
)
from ZeroShotProxy.engine.mean_field.field import Field, field_of
from ZeroShotProxy.engine.mean_field.forward import WEIGHT_VARIANCE
from ZeroShotProxy.engine.mean_field.gated import (
    Behind,
    GatedBlock,
    GatedForm,
    GatedStep,
    before,
    gated_block,
    gated_form,
    gated_step,
)
from ZeroShotProxy.engine.mean_field.uniform import Entry


@dataclass(slots=True, eq=False)
class _Size:
    """What is known of blocks on inputs of one size, whatever their statistics.

    members: blocks that are the same everywhere, or whose branches are. templates: their families by template, with the
    place behind them if it is the same everywhere.
    """

    members: dict[BlockSpec, Step | _Branch] = field(default_factory=dict)
    templates: dict[Template, tuple[Family, Form, _Place | None]] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Place:
    """A place in a network, seen from the image: what enters the next block, and the blocks met there so far.

    known: None for a block that is not computed on its own. links: of families whose input is added to a branch, with
    the place behind them. gated: blocks in networks with gates, with the place behind them.
    """

    entry: Entry
    size: _Size
    known: dict[BlockSpec, Step | None] = field(default_factory=dict)
    links: dict[Family, tuple[Link, _Place]] = field(default_factory=dict)
    gated: dict[BlockSpec, tuple[GatedStep, _Place]] = field(default_factory=dict)


class _Branch(NamedTuple):
    """A block whose input is added to a branch, on inputs of one size, wherever it is."""

    family: Family
    form: Form
    step: Step


class MeanField:
    """Scores structures at one resolution. It caches blocks, so a mutated network takes microseconds.

    resolution: height and width of the image in pixels; one number for a square. num_classes: the outputs of the
    classifier. options: see `Options`. steps: of the training that a network is scored for.
    """

    _CAPACITY = 120_000  # blocks at places, about 100 MB

    def __init__(self, resolution: Size, num_classes: int, options: Options = Options(), steps: int = STEPS) -> None:
        self.resolution = resolution
        self.num_classes = num_classes
        self.options = options
        self.training = sums.training_of(steps)
        self.log_positions = sum(math.log(side) for side in sides(resolution))
        self._logits = 1 / max(1, num_classes - 1)
        self._clear()

    def _clear(self) -> None:
        self._places: dict[Entry, _Place] = {}
        self._sizes: defaultdict[Size, _Size] = defaultdict(_Size)
        self._blocks: defaultdict[GatedForm, dict[BlockSpec, GatedBlock]] = defaultdict(dict)
        self._count = 0

    def __call__(self, structure: Structure) -> float | None:
        """Return the score, or None if no gradient reaches the image.

        Raises StructureError if the structure is not a network at this resolution.
        """
        if not structure.blocks:
            raise StructureError("the structure has no blocks, expected at least one")
        channels = 0
        place = self._place(Entry(self.resolution, 0.0, 1.0, 0.0))
        log = math.log
        # Sums over the layers so far, for a gradient of energy 1 at the current place, and how tr C² at the image
        # follows from the one here: kept · (the one at distance 0, and the sum of those at others) + here, and
        # + apart · Σ R(Δ)².
        roots = amounts = squares = flops = here = apart = overlap = 0.0
        kept, depth = 1.0, 0
        for spec in structure.blocks:
            step = place.known.get(spec)
            if step is None:
                step = None if spec in place.known else self._add(place, spec)
                if step is None:
                    return self._gated(structure)
            (
                takes,
                gives,
                behind,
                own,
                amount,
                own_squares,
                own_flops,
                scale,
                layers,
                shares,
                offsets,
                deeper,
                grown,
                shift,
                own_kept,
                own_here,
                own_apart,
                second,
                constant,
                share,
            ) = step
            if takes != channels:
                if channels:
                    raise StructureError(does_not_join(spec.kind, takes, channels), str(structure.blocks.index(spec)))
                overlap = 1 / takes
            mixed = 0.0
            numbers = iter(layers)
            for root, a, b, n in zip(numbers, numbers, shares, offsets):  # noqa: B905 - as long as there are shares
                square = (a + b * overlap) * (a + b * overlap)
                mixed += root * log(square * square / (depth + n))
            squares = squares * grown**6 + own_squares
            amounts = (amounts + roots * shift) * grown + amount - scale * mixed
            roots = roots * grown + own
            flops += own_flops
            here += kept * own_here
            apart = apart * second + kept * own_apart
            kept *= own_kept
            overlap = constant + share * overlap
            depth += deeper
            channels, place = gives, behind
        if not roots:
            return None
        # What the linear layer and the pooling leave: the same at all positions of the last map.
        others = max(1, area(place.entry.size)) - 1
        square = kept * (others + 1) * (self._logits + 1 / channels) + here + others * apart
        # In units of the energy times the variance at the last map; the energy at the logits is 1.
        squares *= WEIGHT_VARIANCE * place.entry.variance / (others + 1) ** 2
        return sums.score(roots, amounts, squares, flops, self.log_positions - log(square), self.training.bearable)

    def _gated(self, structure: Structure) -> float | None:
        """The score of a network with gates, block by block if possible."""
        place, overlap, channels = self._place(Entry(self.resolution, 0.0, 1.0, 0.0)), 0.0, 0
        depth = 0
        steps: list[tuple[GatedStep, float, int]] = []
        for spec in structure.blocks:
            known = place.gated.get(spec) or self._add_gated(place, spec)
            if known is None:
                return self.walk(structure)
            step, place = known
            takes = step.takes
            if takes != channels:
                if channels:
                    raise StructureError(does_not_join(spec.kind, takes, channels), str(structure.blocks.index(spec)))
                overlap = 1 / takes
            steps.append((step, overlap, depth))
            overlap = step.constant + step.share * overlap
            depth += step.deeper
            channels = step.gives
        others = max(1, area(place.entry.size)) - 1
        square = self._logits + 1 / channels
        behind = Behind(others, others, square, others * square)
        roots = amounts = squares = flops = 0.0
        log_energy = math.log(WEIGHT_VARIANCE) - 2 * math.log(others + 1)  # for 1 at the logits
        for step, overlap, depth in reversed(steps):
            own, amount, own_squares, energy, behind = before(step, behind, overlap, depth)
            factor, shift = sums.log_growth(log_energy + step.log_above)
            roots += factor * own
            amounts += factor * (amount + own * shift)
            squares += sums.energy_of(factor) * own_squares
            flops += step.flops
            log_energy += math.log(energy)
        if not roots:
            return None
        log_directions = self.log_positions - math.log(behind.here + behind.others)
        return sums.score(roots, amounts, squares, flops, log_directions, self.training.bearable)

    def _add_gated(self, place: _Place, spec: BlockSpec) -> tuple[GatedStep, _Place] | None:
        template = template_of(spec)
        family = family_of(spec, template, place.entry.size, self.options, any_size=False)
        if family is None:
            return None
        self._counted()
        form = gated_form(family, place.entry)
        block = self._blocks[form].get(spec)
        if block is None:
            takes = spec.args[0] if template is not None else in_channels(spec)
            block = self._blocks[form][spec] = gated_block(form, spec.args, takes, self.training.detail)
        step = gated_step(block, place.entry)
        found = place.gated[spec] = step, self._place(step.leaving)
        return found

    def walk(self, structure: Structure) -> float | None:
        """Return the score by a walk of the whole graph, without a cache."""
        graph = lower(structure, resolution=self.resolution, num_classes=self.num_classes, options=self.options)
        found = field_of(graph)
        return None if found is None else score_of(found, self.training)

    def _counted(self) -> None:
        """Count a block, and forget the others if they are too many. Places that a caller holds remain valid."""
        if self._count >= self._CAPACITY:
            self._clear()
        self._count += 1

    def _place(self, entry: Entry) -> _Place:
        found = self._places.get(entry)
        if found is None:
            found = self._places[entry] = _Place(entry, self._sizes[entry.size])
        return found

    def _add(self, place: _Place, spec: BlockSpec) -> Step | None:
        self._counted()
        member = place.size.members.get(spec)
        if member is None:
            member = self._member(place, spec)
            if member is None:
                place.known[spec] = None
                return None
        if isinstance(member, _Branch):
            link = place.links.get(member.family) or self._link(place, member)
            member = linked(member.step, *link)
        place.known[spec] = member
        return member

    def _link(self, place: _Place, branch: _Branch) -> tuple[Link, _Place]:
        found = link_of(branch.family, branch.form, place.entry)
        behind = self._place(Entry(branch.form.size, found.mean, found.variance, 0.0))
        place.links[branch.family] = found, behind
        return found, behind

    def _member(self, place: _Place, spec: BlockSpec) -> Step | _Branch | None:
        template = template_of(spec)
        known = None if template is None else place.size.templates.get(template)
        if known is None:
            family = family_of(spec, template, place.entry.size, self.options)
            if family is None or family.gated:
                return None
            form = form_of(family, place.entry, self.training.detail)
            out = form.out
            behind = None if family.link is not None else self._place(Entry(form.size, out.mean, out.variance, 0.0))
            known = family, form, behind
            if template is not None and family.own:
                place.size.templates[template] = known
        family, form, behind = known
        takes = spec.args[0] if template is not None else in_channels(spec)
        step = step_of(form, spec.args, takes, behind)
        member = step if family.link is None else _Branch(family, form, step)
        if family.own:
            place.size.members[spec] = member
        return member


def score_of(field: Field, training: sums.Training = sums.training_of(STEPS)) -> float | None:
    """Return the score of a mean field, or None if no convolution takes part."""
    roots = amounts = squares = flops = 0.0
    for layer in field.layers:
        if layer.pooled or not layer.gradient > 0:
            continue
        positions = layer.activations / layer.channels
        root, amount = sums.of_layer(layer.gradient, layer.channels, layer.flops, positions, training.detail)
        roots += root
        amounts += amount - root / 2 * math.log((positions / layer.effective) ** 4 / layer.depth)
        squares += layer.gradient
        flops += layer.flops
    return sums.score(roots, amounts, squares, flops, math.log(field.directions), training.bearable) if roots else None

"""The score `mean_field` of structures at one resolution: by cached blocks where possible, else by a walk."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from PlainNet import BlockSpec, Options, Structure, StructureError
from PlainNet.blocktype import in_channels
from PlainNet.ir import does_not_join
from PlainNet.lowering import lower
from ZeroShotProxy.engine.mean_field.blocks import Entry, Family, Spectrum, Terms, exit_of, family_of, form_of
from ZeroShotProxy.engine.mean_field.blocks import rounded_overlap as rounded
from ZeroShotProxy.engine.mean_field.field import Field, field_of
from ZeroShotProxy.engine.mean_field.torus import torus


@dataclass(slots=True, eq=False)
class _Place:
    """A place in a network, seen from the image: what enters the next block, and the blocks met there so far.

    A block that is not computed on its own is None.
    """

    entry: Entry
    overlap: int
    known: dict[BlockSpec, _Block | None] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Block:
    """A block at a place: its channels, the place behind it, and its terms for each spectrum met so far."""

    spec: BlockSpec
    family: Family
    entered: _Place
    takes: int
    gives: int
    behind: _Place
    terms: dict[Spectrum, Terms | None] = field(default_factory=dict)


class MeanField:
    """Scores structures at one resolution. It caches blocks, so a mutated network takes microseconds.

    resolution: the side of the square image, in pixels. num_classes: the outputs of the classifier. options: see
    `Options`.
    """

    _CAPACITY = 250_000  # blocks, about 200 MB

    def __init__(self, resolution: int, num_classes: int, options: Options = Options()) -> None:
        self.resolution = resolution
        self.num_classes = num_classes
        self.options = options
        self._places: dict[tuple[Entry, int], _Place] = {}
        self._constants: dict[int, tuple[Spectrum, list[float]]] = {}
        self._count = 0

    def __call__(self, structure: Structure) -> float | None:
        """Return the score, or None if no gradient reaches the image.

        Raises StructureError if the structure is not a network at this resolution.
        """
        if not structure.blocks:
            raise StructureError("the structure has no blocks, expected at least one")
        channels = in_channels(structure.blocks[0])
        place = self._place(Entry.of(self.resolution, 0.0, 1.0), rounded(1 / channels))
        blocks = []
        for i, spec in enumerate(structure.blocks):
            block = place.known.get(spec)
            if block is None:
                block = None if spec in place.known else self._add(place, spec)
                if block is None:
                    return self.walk(structure)
            if block.takes != channels:
                raise StructureError(does_not_join(spec.kind, block.takes, channels), str(i))
            blocks.append(block)
            channels, place = block.gives, block.behind
        return self._backward(blocks, place.entry.size, channels)

    def walk(self, structure: Structure) -> float | None:
        """Return the score by a walk of the whole graph, without a cache."""
        graph = lower(structure, resolution=self.resolution, num_classes=self.num_classes, options=self.options)
        found = field_of(graph)
        return None if found is None else score_of(found)

    def _backward(self, blocks: list[_Block], size: int, channels: int) -> float | None:
        # What the linear layer and the pooling leave, for a mean energy of 1.
        spectrum, constant = self._last(size)
        overlap = 1 / max(1, self.num_classes - 1) + 1 / channels
        squares = [overlap * one for one in constant]
        factor, log_factor = 1.0, 0.0
        roots = amounts = entropy = 0.0
        for block in reversed(blocks):
            terms = block.terms.get(spectrum)
            if terms is None:
                terms = self._terms(block, spectrum)
                if terms is None:
                    return None
            own, computation, features, within, grown, log_grown, kept, added, spectrum = terms
            roots += factor * own
            amounts += factor * (computation + features)
            entropy += factor * (within + own * log_factor)
            factor *= grown
            log_factor += log_grown
            before = list(added)
            for to, i, share in kept:
                before[to] += share * squares[i]
            squares = before
        if not roots:
            return None
        spread = math.log(roots) - entropy / roots
        shares = torus(self.resolution, True).shares
        overlap = sum(share * square for share, square in zip(shares, squares, strict=True))
        return amounts / roots + 2 * spread + math.log(self.resolution**2 / overlap)

    def _last(self, size: int) -> tuple[Spectrum, list[float]]:
        """The spectrum of a gradient that is constant over positions, and its squared energy by shell."""
        if size not in self._constants:
            here = torus(size, True)
            spectrum = Spectrum.of(here.constant, here, self.options.use_se)
            self._constants[size] = spectrum, (here.constant**2).tolist()
        return self._constants[size]

    def _place(self, entry: Entry, overlap: int) -> _Place:
        found = self._places.get((entry, overlap))
        if found is None:
            found = self._places[entry, overlap] = _Place(entry, overlap)
        return found

    def _add(self, place: _Place, spec: BlockSpec) -> _Block | None:
        self._count += 1
        if self._count > self._CAPACITY:
            for known in self._places.values():
                known.known.clear()
            self._count = 1
        family = family_of(spec, place.entry.size, self.options)
        out = None if family is None else exit_of(family, place.entry)
        if family is None or out is None:
            place.known[spec] = None
            return None
        gives, overlap = out.of(spec.args, place.overlap)
        behind = self._place(Entry.of(out.size, out.mean, out.variance), overlap)
        block = place.known[spec] = _Block(spec, family, place, in_channels(spec), gives, behind)
        return block

    def _terms(self, block: _Block, spectrum: Spectrum) -> Terms | None:
        if spectrum not in block.terms:
            form = form_of(block.family, block.entered.entry, spectrum)
            block.terms[spectrum] = None if form is None else form.of(block.spec.args, block.entered.overlap)
        return block.terms[spectrum]


def score_of(field: Field) -> float | None:
    """Return the score of a mean field, or None if no convolution takes part (equations 22 and 23).

    A layer's share p in learning is the root of the norm of its gradient, relative to the sum over layers. An amount
    that is used as far as layers learn is Σ p log(amount / p): the logarithm of the sum of the amounts if the layers
    learn in proportion to them, and less otherwise. The score is that of FLOPs and of effective activations, the mean
    logarithm of the effective channels, and the logarithm of the directions.
    """
    layers = [layer for layer in field.layers if not layer.flat and layer.gradient > 0]
    if not layers:
        return None
    roots = [layer.gradient**0.25 for layer in layers]
    total = sum(roots)
    score = math.log(field.directions)
    for layer, root in zip(layers, roots, strict=True):
        share = root / total
        width = layer.effective * layer.channels / layer.activations
        score += share * (math.log(layer.flops / share) + math.log(layer.effective / share) + math.log(width))
    return score

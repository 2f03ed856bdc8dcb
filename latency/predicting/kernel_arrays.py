"""The times of many kernels of many families at once, each computed once. No torch.

The models of `models.py` are evaluated with their own formulas, for columns of kernels. What they learned is looked up
for the measured widths around a kernel's, of which there are few.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import numpy as np

from latency.kernels import DEPTHWISE, kernel_of_columns
from latency.predicting.features import baseline, columns, work
from latency.predicting.kernelform import Family
from latency.predicting.models import Learned, Linear, Scaled
from latency.predicting.profile import Profile, ProfileError
from PlainNet.arrays.numbering import KeyedValues
from PlainNet.arrays.structures import Floats, Integers
from PlainNet.sizes import sides

_IN, _FAMILY = 20, 40
"""Where the parts of a kernel's key begin: the output channels first, then the input channels, then the family."""
_CAPACITY = 1 << 20
_LARGEST_EXPONENT = 700.0


class _Kind:
    """Kernels of one kind, as a model has it, whose families get codes of their own.

    fields: (families, 9), the fields of `Family` but its kind, with height and width of sizes. starts: by family, where
    its part of `factors` begins. factors: the logarithms of learned factors for measured widths; NaN where they were
    not looked up yet. scales: by family, the factor of a `Scaled` model, whose learned one `model` is.
    """

    def __init__(self, profile: Profile, kind: str) -> None:
        self._profile, self._kind = profile, kind
        model = profile.model_of(kind)
        self._scaled = model if isinstance(model, Scaled) else None
        self._model = model.of if isinstance(model, Scaled) else model
        self._families: list[Family] = []
        self._fields = np.zeros((0, len(Family._fields) + 1), np.int64)
        self._rates, self._scales = np.zeros((0, 3)), np.zeros(0)
        widths = self._model.widths.get(kind) if isinstance(self._model, Learned) else None
        self._outs = (1,) if widths is None else widths.out_channels
        self._ins = (1,) if widths is None or kind == DEPTHWISE else widths.in_channels
        self._formula = isinstance(self._model, Linear) or widths is not None
        self._factors = np.zeros(0)

    def add(self, family: Family) -> int:
        """Add a family, and return its code."""
        self._families.append(family)
        _, batch, size, out_size, *rest = family
        fields = (batch, *sides(size), *sides(out_size), *rest)
        self._fields = np.vstack([self._fields, np.array(fields, np.int64)])
        self._factors = np.append(self._factors, np.full(len(self._ins) * len(self._outs), np.nan))
        like = family.member(8, 8)._replace(kind=self._kind)
        if isinstance(self._model, Linear):
            self._rates = np.vstack([self._rates, self._model.rate(like)])
        if self._scaled is not None:
            self._scales = np.append(self._scales, self._scaled.factor(like))
        return len(self._families) - 1

    def times(self, codes: Integers, ins: Integers, outs: Integers) -> Floats:
        """The times of kernels of families with these codes."""
        batch, *sizes, kernel, stride, groups, added = self._fields[codes].T
        if not self._formula or (groups > 1).any():
            return self._one_by_one(codes, ins, outs)
        groups = np.where(groups == 0, ins, groups)
        kernels: Any = kernel_of_columns(self._kind, batch, ins, outs, *sizes, kernel, stride, groups, added)
        if isinstance(self._model, Linear):
            ms = self._linear(codes, kernels)
        else:
            factors = self._log_factors(codes, ins, outs)
            if factors.max(initial=0.0) > _LARGEST_EXPONENT:
                return self._one_by_one(codes, ins, outs)
            exp = math.exp  # numpy's may differ in the last bit
            ms = baseline(kernels, self._profile.hardware, columns()) * [exp(value) for value in factors.tolist()]
            if self._scaled is not None:
                ms = self._scales[codes] * ms
        if self._profile.drift is not None:
            ms = ms * self._profile.drift.factor(kernels, self._profile.hardware)
        return np.where((ms >= 0) & (ms < np.inf), ms, np.nan)

    def _linear(self, codes: Integers, kernels: Any) -> Floats:
        assert isinstance(self._model, Linear)
        done = work(kernels, self._profile.hardware)
        each, mac, byte = self._rates[codes].T
        for kind, size, least, more in self._model.large:
            if kind == self._kind:
                mac = mac + np.where((kernels.kernel == size) & (done.in_bytes >= least), more, 0.0)
        found: Floats = each + mac * done.macs + byte * done.bytes
        return found

    def _log_factors(self, codes: Integers, ins: Integers, outs: Integers) -> Floats:
        """The logarithms of learned factors, interpolated between measured widths as in `Learned.ms`."""
        low_in, high_in, share_in = _bracket(self._ins, ins)
        low_out, high_out, share_out = _bracket(self._outs, outs)
        starts = codes * (len(self._ins) * len(self._outs))
        total = np.zeros(len(codes))
        for part_in, at_in in ((1 - share_in, low_in), (share_in, high_in)):
            for part_out, at_out in ((1 - share_out, low_out), (share_out, high_out)):
                at = starts + at_in * len(self._outs) + at_out
                missing = np.isnan(self._factors[at])
                if missing.any():
                    self._look_up(np.flatnonzero(np.bincount(at[missing])))
                total += part_in * part_out * self._factors[at]
        return total

    def _look_up(self, places: Integers) -> None:
        assert isinstance(self._model, Learned)
        for place in places.tolist():
            rest, out = divmod(place, len(self._outs))
            code, takes = divmod(rest, len(self._ins))
            made = self._outs[out]
            near = self._families[code].member(made if self._kind == DEPTHWISE else self._ins[takes], made)
            near = near._replace(kind=self._kind)
            self._factors[place] = self._model.log_factor(near, self._profile.hardware)

    def _one_by_one(self, codes: Integers, ins: Integers, outs: Integers) -> Floats:
        found = np.full(len(codes), np.nan)
        for i, (code, takes, makes) in enumerate(zip(codes.tolist(), ins.tolist(), outs.tolist(), strict=True)):
            with suppress(ProfileError):
                found[i] = self._profile.kernel_ms(self._families[code].member(takes, makes))
        return found


class KernelTimes:
    """Times of kernels in milliseconds for their whole batches."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._codes: dict[Family, int] = {}
        self._kinds: list[_Kind] = []
        self._named: dict[str, int] = {}  # positions in `_kinds`
        self._placed = np.zeros((1, 2), np.int64)  # by code: the position of the kind, and the code there
        self._ms = KeyedValues(_CAPACITY)

    def code(self, family: Family) -> int:
        """Return the code of a family of kernels; codes begin with 1. Raises ProfileError for an unknown kind."""
        if family not in self._codes:
            kind = self._profile.measured_as(family.member(8, 8)).kind
            if kind not in self._named:
                self._kinds.append(_Kind(self._profile, kind))
                self._named[kind] = len(self._kinds) - 1
            position = self._named[kind]
            self._codes[family] = len(self._placed)
            self._placed = np.vstack([self._placed, [position, self._kinds[position].add(family)]])
        return self._codes[family]

    def of(self, families: Integers, ins: Integers, outs: Integers) -> Floats:
        """Return the times of kernels of the families with these codes, from `ins` to `outs` channels.

        0 for code 0, and NaN for a kernel that the profile cannot predict. All arrays have one shape.
        """
        found = np.zeros(families.shape)
        used = families > 0
        if not used.any():
            return found
        family, taken, made = families[used], ins[used], outs[used]
        keys = family << _FAMILY | taken << _IN | made
        found[used] = self._ms.of(keys, lambda new: self._computed(family[new], taken[new], made[new]))
        return found

    def _computed(self, families: Integers, ins: Integers, outs: Integers) -> Floats:
        found = np.zeros(len(families))
        kinds, codes = self._placed[families].T
        for position, kind in enumerate(self._kinds):
            rows = np.flatnonzero(kinds == position)
            if len(rows):
                found[rows] = kind.times(codes[rows], ins[rows], outs[rows])
        return found


def _bracket(known: tuple[int, ...], values: Integers) -> tuple[Integers, Integers, Floats]:
    """For each value, the positions of the numbers of the sorted `known` on both sides, and the weight of the second.

    See `models._bracket`.
    """
    values, places = np.unique(values, return_inverse=True)  # widths are few
    at = np.searchsorted(known, values)
    high = np.minimum(at, len(known) - 1)
    low = np.maximum(at - 1, 0)
    numbers = np.array(known)
    exact = (at == len(known)) | (at == 0) | (numbers[high] == values)
    low = np.where(exact, high, low)
    share = np.zeros(len(values))
    log = math.log
    for i in np.flatnonzero(~exact).tolist():
        below = known[low[i]]
        share[i] = log(int(values[i]) / below) / log(known[high[i]] / below)
    return low[places], high[places], share[places]

"""Numbers for keys, looked up a million at a time: a hash table in numpy; and what is computed once for each key."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from PlainNet.arrays.structures import Floats, Integers

_MIX = np.uint64(0x9E3779B97F4A7C15)
_FIRST_BITS = 14


class Numbering:
    """Gives the numbers 0, 1, 2, … to integers above 0, in the order in which they are first met.

    An open-addressing hash table with linear probing. A lookup of many keys takes some ten nanoseconds for each.
    """

    def __init__(self) -> None:
        self._bits = _FIRST_BITS
        self._keys = np.zeros(1 << self._bits, np.int64)  # 0 where a slot is free
        self._numbers = np.zeros(1 << self._bits, np.int64)
        self.count = 0

    def of(self, keys: Integers) -> Integers:
        """Return the numbers of keys, all above 0; those that are new get the next numbers."""
        slots = self._home(keys)
        missing = np.flatnonzero(self._keys[slots] != keys)
        if len(missing):
            if 2 * (self.count + len(missing)) > len(self._keys):
                self._grow(self.count + len(missing))
                slots = self._home(keys)
                missing = np.flatnonzero(self._keys[slots] != keys)
            self._settle(keys, slots, missing)
        found: Integers = self._numbers[slots]
        return found

    def first(self, numbers: Integers, known: int) -> Integers:
        """Return where in `numbers`, from `of`, each of the numbers from `known` on stands; any place if at several."""
        found = np.empty(self.count - known, np.int64)
        fresh = np.flatnonzero(numbers >= known)
        found[numbers.flat[fresh] - known] = fresh
        return found

    def _home(self, keys: Integers) -> Integers:
        """The slots where the search for keys begins."""
        found: Integers = ((keys.view(np.uint64) * _MIX) >> np.uint64(64 - self._bits)).view(np.int64)
        return found

    def _settle(self, keys: Integers, slots: Integers, missing: Integers) -> None:
        """Move the `slots` of the keys at positions `missing` to where they are, or to free ones, which they fill."""
        last = len(self._keys) - 1
        while len(missing):
            wanted, slot = keys[missing], slots[missing]
            free = self._keys[slot] == 0
            if free.any():
                claimed, new = slot[free], wanted[free]
                self._keys[claimed] = new  # of several keys for one slot, one stays
                mine = np.arange(len(claimed))
                self._numbers[claimed] = mine
                first = (self._keys[claimed] == new) & (self._numbers[claimed] == mine)
                winners = claimed[first]
                self._numbers[winners] = self.count + np.arange(len(winners))
                self.count += len(winners)
            missing = missing[self._keys[slot] != wanted]
            slots[missing] = (slots[missing] + 1) & last

    def _grow(self, keys: int) -> None:
        """Make the table large enough for so many keys."""
        while 2 * keys > 1 << self._bits:
            self._bits += 1
        used = np.flatnonzero(self._keys)
        old, numbers = self._keys[used], self._numbers[used]
        self._keys = np.zeros(1 << self._bits, np.int64)
        self._numbers = np.zeros(1 << self._bits, np.int64)
        slots, missing, last = self._home(old), np.arange(len(old)), (1 << self._bits) - 1
        while len(missing):
            slot = slots[missing]
            free = self._keys[slot] == 0
            self._keys[slot[free]] = old[missing[free]]
            missing = missing[self._keys[slot] != old[missing]]
            slots[missing] = (slots[missing] + 1) & last
        self._numbers[slots] = numbers


class KeyedValues:
    """Numbers that belong to integers above 0, each computed when its key is first met.

    capacity: with more keys than this, all are forgotten.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._forget()

    def _forget(self) -> None:
        self._numbering = Numbering()
        self._values = np.zeros(1 << _FIRST_BITS)

    def of(self, keys: Integers, compute: Callable[[Integers], Floats]) -> Floats:
        """Return the values of keys (keys,). compute: takes positions of keys, and returns the values of those keys."""
        if self._numbering.count > self._capacity:
            self._forget()
        known = self._numbering.count
        numbers = self._numbering.of(keys)
        now = self._numbering.count
        if now > known:
            if now > len(self._values):
                self._values = np.concatenate([self._values, np.zeros(max(now, len(self._values)))])
            self._values[known:now] = compute(self._numbering.first(numbers, known))
        found: Floats = self._values[numbers]
        return found

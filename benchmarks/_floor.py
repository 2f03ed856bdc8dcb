"""A supervised floor for design regret: a small regression on a table itself, on architectures that it has not seen.

Ridge regression of the rank by accuracy on the decisions that make an architecture, one-hot, and on all pairs of them.
Its predictions come from five folds. No score without training is expected to be better; as accuracies are noisy and
the best of many noisy ones is too high, it has a regret, too.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import combinations

import numpy as np
from scipy.stats import rankdata

from zennas.correlation.statistics import Floats

FOLDS = 5
STRENGTHS = (0.1, 1.0, 10.0, 100.0)


def held_out(decisions: Sequence[Sequence[Hashable]], accuracies: Floats, seed: int = 0) -> Floats:
    """Return a prediction for each architecture, (n,), by a regression on the other folds."""
    ranks = rankdata(accuracies) / len(accuracies)
    onehot = _onehot(decisions)
    fold = np.random.default_rng(seed).permutation(len(ranks)) % FOLDS
    found = np.empty(len(ranks))
    for i in range(FOLDS):
        train, test = np.flatnonzero(fold != i), np.flatnonzero(fold == i)
        inner, outer = train[: 4 * len(train) // 5], train[4 * len(train) // 5 :]
        tried = [_predicted(onehot, ranks, inner, outer, strength) for strength in STRENGTHS]
        errors = [float(np.square(one - ranks[outer]).mean()) for one in tried]
        found[test] = _predicted(onehot, ranks, train, test, STRENGTHS[int(np.argmin(errors))])
    return found


def _onehot(decisions: Sequence[Sequence[Hashable]]) -> list[Floats]:
    """For each decision, a matrix (n, options)."""
    found = []
    for column in zip(*decisions, strict=True):
        options = {option: i for i, option in enumerate(dict.fromkeys(column))}
        found.append(np.eye(len(options))[[options[option] for option in column]])
    return found


def _predicted(onehot: list[Floats], ranks: Floats, train: np.ndarray, test: np.ndarray, strength: float) -> Floats:
    mean, wanted = ranks[train].mean(), ranks[train] - ranks[train].mean()
    pairs = sum(a.shape[1] * b.shape[1] for a, b in combinations(onehot, 2))
    if pairs < len(train):
        features = np.hstack([*onehot, *(_products(a, b) for a, b in combinations(onehot, 2))])
        known = features[train]
        weights = np.linalg.solve(known.T @ known + strength * np.eye(known.shape[1]), known.T @ wanted)
        return np.asarray(mean + features[test] @ weights)
    linear = np.hstack(onehot)  # too many pairs: the same regression by inner products, (x·z)² / 2 + x·z / 2
    same = linear @ linear[train].T
    kernel = same * (same + 1) / 2
    weights = np.linalg.solve(kernel[train] + strength * np.eye(len(train)), wanted)
    return np.asarray(mean + kernel[test] @ weights)


def _products(a: Floats, b: Floats) -> Floats:
    return np.einsum("ni,nj->nij", a, b).reshape(len(a), -1)

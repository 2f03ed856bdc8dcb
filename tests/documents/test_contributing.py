"""What CONTRIBUTING shows adds one part each, and it names every group of entry points."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from latency.base import BACKENDS
from PlainNet.blocktype import BLOCKS, block_type
from PlainNet.registry import Registry
from zennas.searching.objectives.base import OBJECTIVES
from ZeroShotProxy.base import PROXIES

from .reading import REGISTRIES, ROOT, blocks


@contextmanager
def unregistered(*registries: Registry[Any]) -> Iterator[None]:
    """Afterwards the registries hold what they held before."""
    for registry in registries:
        registry.names()  # loads its modules
    before = [dict(registry._items) for registry in registries]
    try:
        yield
    finally:
        for registry, items in zip(registries, before, strict=True):
            registry._items.clear()
            registry._items.update(items)
        block_type.cache_clear()


def test_the_recipes_register_what_they_say() -> None:
    """Each block of CONTRIBUTING is a module that adds one part to a registry."""
    registries: dict[str, Registry[Any]] = {
        "block": BLOCKS,
        "proxy": PROXIES,
        "backend": BACKENDS,
        "objective": OBJECTIVES,
    }
    expected = [
        ("block", "ConvBNRELU"),
        ("proxy", "mine"),
        ("proxy", "mine_too"),
        ("proxy", "ours"),
        ("backend", "mine"),
        ("objective", "thrift"),
    ]
    # The last one shows how third parties run the contracts; test_third_parties.py runs it.
    recipes = blocks(ROOT / "CONTRIBUTING.md", "python")[:-1]
    assert len(recipes) == len(expected)
    with unregistered(*registries.values()):
        for number, (recipe, (kind, name)) in enumerate(zip(recipes, expected, strict=True)):
            before = {key: set(registry.names()) for key, registry in registries.items()}
            module = ModuleType(f"recipe_{number}")
            sys.modules[module.__name__] = module
            try:
                exec(compile(recipe, f"CONTRIBUTING.md, block {number}", "exec"), module.__dict__)
            finally:
                del sys.modules[module.__name__]
            added = {key: set(registry.names()) - before[key] for key, registry in registries.items()}
            assert added == {key: {name} if key == kind else set() for key in registries}
    assert all(name not in registries[kind] for kind, name in expected)


def test_the_groups_of_entry_points_are_named_in_contributing() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert [registry.group for registry in REGISTRIES if f"`{registry.group}`" not in text] == []

"""What registries find outside this project, and what they say where it is broken."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from PlainNet import plugins
from PlainNet.registry import Registry, RegistryError, UnknownNameError
from tests.third_party import install

Make = Callable[..., Registry[str]]
KNOW = "import tests_own_registry\ntests_own_registry.KNOWN.add({name!r}, {item!r})\n"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes a registry with a package of its own and entry points of a distribution `acme-nets`."""
    before = set(sys.modules)

    def make(entries: str = "", **sources: str) -> Registry[str]:
        package = tmp_path / "own" / "tests_own_registry"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(
            "from PlainNet.registry import Registry\nKNOWN = Registry('thing', __name__, 'tests.things')\n"
        )
        (package / "first.py").write_text(KNOW.format(name="First", item="of the package"))
        files = {f"{name}.py": text for name, text in sources.items()}
        install(tmp_path / "theirs", f"[tests.things]\n{entries}\n", sources=files)
        for folder in ("own", "theirs"):
            monkeypatch.syspath_prepend(str(tmp_path / folder))
        plugins._all.cache_clear()
        from tests_own_registry import KNOWN

        known: Registry[str] = KNOWN
        return known

    yield make
    plugins._all.cache_clear()
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_module_registers_itself_and_an_object_is_registered_under_the_name_of_its_entry_point(made: Make) -> None:
    known = made(
        "ignored = acme_module\nThird = acme_object:THING",
        acme_module=KNOW.format(name="second", item="of a module"),
        acme_object="THING = 'an object'",
    )
    assert known.names() == ["First", "Third", "second"]
    assert known.get("SECOND") == "of a module"
    assert known.get("third") == "an object"
    with pytest.raises(UnknownNameError, match="did you mean Third"):
        known.get("Thrid")


def test_an_object_that_its_module_registers_is_there_once(made: Make) -> None:
    text = "from tests_own_registry import KNOWN\nTHING = 'an object'\nKNOWN.add('mine', THING)"
    assert made("Mine = acme_object:THING", acme_object=text).names() == ["First", "mine"]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("x = acme_broken", "ZeroDivisionError"),
        ("x = acme_absent", "ModuleNotFoundError"),
        ("x = acme_object:NOTHING", "AttributeError"),
    ],
)
def test_a_broken_entry_point_names_distribution_group_and_name(made: Make, entry: str, reason: str) -> None:
    known = made(entry, acme_broken=KNOW.format(name="half", item="") + "1 / 0", acme_object="")
    for _ in range(2):  # the second time too, and half a module leaves nothing behind
        with pytest.raises(RegistryError) as caught:
            known.names()
        for word in ("acme-nets", f"entry point {entry}", "group tests.things", reason):
            assert word in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_duplicate_name_names_both_origins(made: Make) -> None:
    known = made("x = acme_module", acme_module=KNOW.format(name="FIRST", item="again"))
    with pytest.raises(RegistryError) as caught:
        known.names()
    for word in ("thing 'FIRST'", "tests_own_registry/first.py", "theirs/acme_module.py", "acme-nets", "rename one"):
        assert word in str(caught.value)


def test_of_two_foreign_parts_of_one_name_both_are_told(made: Make, tmp_path: Path) -> None:
    install(tmp_path / "theirs", "[tests.things]\nx = other_things:THING", name="other-nets", sources={})
    known = made("x = acme_object:THING", acme_object="THING = 1", other_things="THING = 2")
    with pytest.raises(RegistryError) as caught:
        known.names()
    assert "acme-nets: entry point x = acme_object:THING" in str(caught.value)
    assert "other-nets: entry point x = other_things:THING" in str(caught.value)


def test_nothing_is_looked_up_before_a_name_is(made: Make) -> None:
    made("x = acme_broken", acme_broken="1 / 0")
    assert not plugins._all.cache_info().misses


# -- a user's own file -----------------------------------------------------------------------


def test_a_file_is_loaded_once_whatever_it_is_called(
    made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = made()
    file = tmp_path / "mine.py"
    file.write_text(KNOW.format(name="mine", item="my own") + KNOW.format(name="other", item="too"))
    (tmp_path / "link.py").symlink_to(file)
    monkeypatch.chdir(tmp_path)
    for path in (file, "mine.py", tmp_path / "link.py"):
        assert known.load_file(path) == ["mine", "other"]
    assert known.get("mine") == "my own"


def test_a_file_of_the_package_is_not_loaded_again(made: Make, tmp_path: Path) -> None:
    assert made().load_file(tmp_path / "own/tests_own_registry/first.py") == ["First"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("def", "SyntaxError"),
        (KNOW.format(name="first", item=""), "two parts claim the thing 'first', one from .*/first.py and one from"),
        ("", "does not register a thing"),
        (None, "does not exist, expected a file that registers a thing"),
    ],
)
def test_a_file_that_is_no_use_is_named(made: Make, tmp_path: Path, text: str | None, reason: str) -> None:
    known, file = made(), tmp_path / "mine.py"
    if text is not None:
        file.write_text(text)
    for _ in range(2):
        with pytest.raises(RegistryError, match=reason) as caught:
            known.load_file(file)
        assert str(file) in str(caught.value)


def test_a_file_that_was_repaired_can_be_loaded(made: Make, tmp_path: Path) -> None:
    known, file = made(), tmp_path / "mine.py"
    file.write_text(KNOW.format(name="mine", item="first try") + "1 / 0")
    with pytest.raises(RegistryError, match="ZeroDivisionError"):
        known.load_file(file)
    file.write_text(KNOW.format(name="mine", item="the second"))
    assert known.load_file(file) == ["mine"]
    assert known.get("mine") == "the second"

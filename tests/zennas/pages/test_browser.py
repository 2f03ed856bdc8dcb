"""Pages in a real browser: no errors, nothing overflows, and what can be explored answers to mouse and keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import zennas
from zennas.pages.document import write_page
from zennas.report.comparison.result import Comparison

from .browser import chromium
from .conftest import NETWORK, write_unfinished_training

pytestmark = pytest.mark.slow

PHONE, DESK = 390, 1280
MANY = range(8, 48, 2)
"""Widths of networks that are compared."""
OVERFLOWING = """() => [...document.querySelectorAll('body *')]
    .filter((one) => one.getBoundingClientRect().right > window.innerWidth + 1 && !one.closest('.scroll'))
    .map((one) => one.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@contextmanager
def opened(browser: Any, page: Path, width: int, **options: Any) -> Iterator[Any]:
    """A tab with the page. Fails if the page writes to the console, raises, or asks the network for anything."""
    told: list[str] = []
    tab = browser.new_page(viewport={"width": width, "height": 900}, **options)
    tab.on("console", lambda message: told.append(message.text))
    tab.on("pageerror", lambda error: told.append(str(error)))
    tab.on("request", lambda request: told.append(request.url) if request.url != page.as_uri() else None)
    tab.goto(page.as_uri())
    try:
        yield tab
    finally:
        tab.close()
    assert told == []


@pytest.fixture(scope="module")
def pages(
    trained: Path,
    correlated: Path,
    surface: Path,
    goals: Path,
    supernet: Path,
    compared: Comparison,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """A page of each kind."""
    folder = tmp_path_factory.mktemp("pages")
    write_unfinished_training(folder / "killed")
    awkward = folder / "a <b> & 'c' with a very long name that no line of a phone has room for, and_no_spaces_at_all"
    shutil.copytree(trained, awkward)
    runs = {"trained": trained, "correlated": correlated, "killed": folder / "killed", "awkward": awkward}
    runs |= {"surface": surface, "goals": goals, "supernet": supernet}
    few = zennas.compare([str(awkward), NETWORK, "torchvision:squeezenet1_1"], proxies="zen_expected")
    many = zennas.compare([NETWORK.replace("(8,16,", f"(8,{width},").replace("(16,", f"({width},") for width in MANY])
    comparisons = {"compared": compared, "few": few, "many": many}
    return {
        **{name: write_page(run, folder / f"{name}.html").path for name, run in runs.items()},
        **{name: zennas.page(one, out=folder / f"{name}.html").path for name, one in comparisons.items()},
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize(
    "name", ["trained", "correlated", "killed", "awkward", "surface", "goals", "supernet", "compared", "few", "many"]
)
def test_nothing_fails_and_nothing_overflows(
    browser: Any, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    with opened(browser, pages[name], width, color_scheme=scheme) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate(OVERFLOWING) == []
        assert tab.locator("svg.plot, svg.skyline").count() >= 1


@pytest.mark.parametrize("name", ["surface", "goals"])
def test_points_have_the_colour_and_size_of_a_third_value(browser: Any, pages: dict[str, Path], name: str) -> None:
    with opened(browser, pages[name], PHONE) as tab:
        dots = tab.locator("#found .plot .scaled-dot")
        looks = dots.evaluate_all("all => all.map((one) => [one.getAttribute('fill'), one.getAttribute('r')])")
        assert len({fill for fill, _ in looks}) > 1
        assert all(4 <= float(radius) <= 8 for _, radius in looks)
        assert tab.locator("#found .controls .key .scaled-dot").count() == 5
        dots.last.click()
        assert "SuperConv" in tab.locator("#found .picked code").inner_text()


def test_hover_shows_a_structure_and_its_costs(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["trained"], DESK) as tab:
        tip = tab.locator(".tip")
        assert tip.is_hidden()
        tab.locator("#found .chosen-dot").hover()
        words = tip.inner_text()
        assert "SuperConvK3BNRELU(" in words
        assert all(name in words for name in ("zen_expected", "parameters", "FLOPs", "layers"))
        tab.mouse.move(5, 5)
        assert tip.is_hidden()


def test_a_click_selects_a_network_and_draws_it(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["trained"], DESK) as tab:
        chosen = tab.locator("#network .structure").inner_text()
        places = tab.eval_on_selector_all(
            "#found .plot .strong-dot", "(all) => all.map((one) => Number(one.getAttribute('cx')))"
        )
        tab.locator("#found .plot .strong-dot").nth(places.index(min(places))).click(force=True)  # no other is near it
        picked = tab.locator("#found .picked code").inner_text()
        assert picked == tab.locator("#network .structure").inner_text() != chosen
        assert picked in tab.locator(".tip").inner_text()
        rows = tab.locator("#network .blocks tbody tr")
        assert rows.count() == picked.count("(") + 1  # and the classifier
        assert tab.locator("#network .skyline rect").count() == rows.count()
        tab.locator("#network button[aria-label='the network before']").click()
        assert tab.locator("#network .structure").inner_text() != picked


def test_lines_of_one_name_have_one_key_and_titles_of_their_own(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["supernet"], DESK) as tab:
        assert tab.locator("#decisions .plot .line-path").count() == 2
        assert tab.locator("#decisions .controls .key").count() == 0
        assert tab.locator("#epochs figure").first.locator(".controls .key").count() == 2
        tab.locator("#decisions svg.plot").focus()
        titles = set()
        for _ in range(6):
            tab.keyboard.press("ArrowRight")
            titles.add(tab.locator(".tip p").inner_text().partition(":")[0])
        assert titles == {"first", "second"}


def test_a_chart_answers_to_the_keyboard(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["trained"], DESK) as tab:
        tab.locator("#found svg.plot").focus()
        tab.keyboard.press("ArrowRight")
        first = tab.locator(".tip").inner_text()
        tab.keyboard.press("ArrowRight")
        assert tab.locator(".tip").inner_text() != first
        tab.keyboard.press("Enter")
        assert tab.locator("#found .picked code").count() == 1
        tab.keyboard.press("Escape")
        assert tab.locator(".tip").is_hidden()


def test_axes_change_and_become_logarithmic(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["trained"], DESK) as tab:

        def places() -> list[str]:
            return tab.eval_on_selector_all(
                "#found .plot .faint-dot", "(all) => all.map((one) => one.getAttribute('cx'))"
            )

        linear = places()
        tab.locator("#found button[data-log=x]").click()
        assert tab.locator("#found button[data-log=x]").get_attribute("aria-pressed") == "true"
        assert places() != linear
        tab.locator("#found select").first.select_option(label="FLOPs")
        assert "→ FLOPs" in tab.locator("#found svg.plot").text_content()


def test_blocks_answer_to_mouse_and_colour_to_the_chosen_cost(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["trained"], DESK) as tab:
        tab.locator("#network .skyline g").nth(1).hover()
        assert "parameters" in tab.locator(".tip").inner_text()
        assert tab.locator("#network tr.now").count() == 1

        def colours() -> list[str]:
            script = "(all) => all.map((one) => one.getAttribute('fill-opacity'))"
            return tab.eval_on_selector_all("#network .box", script)

        before = colours()
        tab.get_by_role("button", name="FLOPs").click()
        assert colours() != before


def test_a_page_becomes_a_pdf_with_its_settings(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["trained"], DESK) as tab:
        content = tab.pdf(format="A4")
        assert content.startswith(b"%PDF")
        assert tab.locator("details[open]").count() == tab.locator("details").count()
        tab.emulate_media(media="print")
        assert tab.locator(".controls select").first.is_hidden()
        assert tab.locator(".controls .key").first.is_visible()


def test_networks_of_a_comparison_are_named_shown_and_drawn(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["few"], DESK) as tab:
        names = tab.locator("#comparison .dot-name").all_text_contents()
        assert [name[:3] for name in names] == ["(1)", "(2)"]  # the third network has no score
        tab.locator("#comparison .chosen-dot").hover()
        words = tab.locator(".tip").inner_text()
        assert all(name in words for name in ("parameters", "FLOPs", "zen_expected", "top-1, digits"))
        chosen = tab.locator("#network .structure").inner_text()
        tab.mouse.move(5, 5)
        tab.locator("#comparison svg.plot").focus()
        tab.keyboard.press("ArrowRight")  # the cheapest, which is not the first network
        tab.keyboard.press("Enter")
        assert chosen != NETWORK
        assert tab.locator("#network .structure").inner_text() == NETWORK
        assert tab.locator("#comparison button[data-log=x]").get_attribute("aria-pressed") == "true"


def test_names_beside_points_hide_nothing(browser: Any, pages: dict[str, Path]) -> None:
    boxes = """() => [...document.querySelectorAll('#comparison .dot-name, #comparison .strong-dot')]
        .map((one) => { const b = one.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom,
            one.matches('.dot-name')]; })"""
    for width in (PHONE, DESK):
        with opened(browser, pages["few"], width) as tab:
            found = tab.evaluate(boxes)
            names = [one for one in found if one[4]]
            assert names
            for name in names:
                others = [one for one in found if one is not name]
                overlaps = [
                    one
                    for one in others
                    if min(one[2], name[2]) - max(one[0], name[0]) > 2
                    and min(one[3], name[3]) - max(one[1], name[1]) > 2
                ]
                assert overlaps == []

"""Pages in a real browser: no errors, nothing overflows, and what can be explored answers to mouse and keyboard."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import zennas
from zennas.discovering.files import RESULT
from zennas.exporting.litert.running import why_not
from zennas.pages.document import PAGE_FILE, write_page
from zennas.report.comparison.result import Comparison
from zennas.runs.store import FILE
from zennas.supernet.outcome import RESULT_FILE

from .browser import chromium
from .conftest import NETWORK, write_unfinished_training
from .test_pages import LARGEST

pytestmark = pytest.mark.slow

PHONE, PAPER, DESK = 390, 718, 1280
"""Widths in pixels; that of A4 within its margins among them."""
KINDS = (
    *("trained", "correlated", "killed", "awkward", "surface", "goals", "front", "simulated", "supernet"),
    *("supernet_front", "discovered", "searching", "warming", "evolving", "compared", "few", "many"),
)
MANY = range(8, 48, 2)
"""Widths of networks that are compared."""
OVERFLOWING = """() => [...document.querySelectorAll('body *')]
    .filter((one) => one.getBoundingClientRect().right > window.innerWidth + 1 && !one.closest('.scroll'))
    .map((one) => one.outerHTML.slice(0, 120))"""
CLIPPED = """() => [...document.querySelectorAll('svg.plot text, .arena text, svg.skyline text')]
    .filter((one) => { const b = one.getBoundingClientRect(), all = one.ownerSVGElement.getBoundingClientRect();
        return b.left < all.left - 1 || b.right > all.right + 1; })
    .map((one) => one.textContent)"""
"""Texts of drawings of which a part is outside."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@contextmanager
def opened(browser: Any, page: Path, width: int, **options: Any) -> Iterator[Any]:
    """A tab with the page. Fails if the page writes to the console, raises, or asks the network for anything."""
    told: list[str] = []
    tab = browser.new_page(viewport={"width": width, "height": 900}, reduced_motion="reduce", **options)
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
    front: Path,
    simulated: Path,
    supernet: Path,
    supernet_front: Path,
    discovered: Path,
    compared: Comparison,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """A page of each kind."""
    folder = tmp_path_factory.mktemp("pages")
    write_unfinished_training(folder / "killed")
    awkward = folder / "a <b> & 'c' with a very long name that no line of a phone has room for, and_no_spaces_at_all"
    shutil.copytree(trained, awkward)
    runs = {"trained": trained, "correlated": correlated, "killed": folder / "killed", "awkward": awkward}
    runs |= {"surface": surface, "goals": goals, "front": front, "simulated": simulated, "supernet": supernet}
    runs |= {"supernet_front": supernet_front, "discovered": discovered}
    halves = {"searching": (trained, ()), "warming": (supernet, (RESULT_FILE,)), "evolving": (discovered, (RESULT,))}
    for name, (run, missing) in halves.items():
        runs[name] = half(run, folder / "halves" / name, missing)
    few = zennas.compare([str(awkward), NETWORK, "torchvision:squeezenet1_1"], proxies="zen_expected")
    many = zennas.compare([NETWORK.replace("(8,16,", f"(8,{width},").replace("(16,", f"({width},") for width in MANY])
    comparisons = {"compared": compared, "few": few, "many": many}
    return {
        **{name: write_page(run, folder / f"{name}.html").path for name, run in runs.items()},
        **{name: zennas.page(one, out=folder / f"{name}.html").path for name, one in comparisons.items()},
    }


def half(run: Path, folder: Path, missing: tuple[str, ...]) -> Path:
    """A copy of a run as if it had been killed: without some of its files, and unfinished where a database says so."""
    shutil.copytree(run, folder)
    for name in missing:
        (folder / name).unlink()
    if not missing:
        with closing(sqlite3.connect(folder / FILE)) as db, db:
            db.execute("UPDATE facts SET value = '\"searching\"' WHERE name = 'status'")
            db.execute("DELETE FROM facts WHERE name IN ('finished', 'latency_here', 'confirmed')")
    return folder


@pytest.fixture(scope="module")
def design_page(designed: Path) -> Path:
    return designed / PAGE_FILE


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", KINDS)
def test_nothing_fails_and_nothing_overflows(
    browser: Any, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    assert pages[name].stat().st_size < LARGEST
    with opened(browser, pages[name], width, color_scheme=scheme) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate(OVERFLOWING) == []
        assert tab.evaluate(CLIPPED) == []
        assert tab.locator("svg.plot, svg.skyline").count() >= 1


@pytest.mark.parametrize("name", KINDS)
def test_every_chart_answers_to_the_mouse(browser: Any, pages: dict[str, Path], name: str) -> None:
    with opened(browser, pages[name], DESK) as tab:
        for figure in tab.locator("figure.chart").all():
            tab.mouse.move(2, 2)
            assert tab.locator(".tip").is_hidden()
            dots = figure.locator("svg.plot circle[class$=dot]")
            if dots.count() == 0:  # lines of very many points, or no point has values on both axes
                continue
            dots.last.scroll_into_view_if_needed()  # a click before may have moved it
            dots.last.hover(force=True)
            assert tab.locator(".tip dd").count() >= 2
            if figure.locator(".picked").count():
                dots.last.click(force=True)
                assert figure.locator(".picked dd").count() >= 2


@pytest.mark.parametrize("name", KINDS)
def test_every_page_can_be_printed(browser: Any, pages: dict[str, Path], name: str) -> None:
    with opened(browser, pages[name], PAPER) as tab:
        tab.emulate_media(media="print")
        assert tab.evaluate(OVERFLOWING.replace(" && !one.closest('.scroll')", "")) == []
        assert tab.locator("button:visible, select:visible, nav:visible").count() == 0
        assert tab.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_a_design_has_a_page_with_its_ram(browser: Any, design_page: Path, width: int) -> None:
    with opened(browser, design_page, width) as tab:
        assert tab.evaluate(OVERFLOWING) == tab.evaluate(CLIPPED) == []
        assert tab.locator("#network .arena .running.peak").count() == 1
        assert "To run it on a picture" in tab.locator("#question").inner_text()
        assert "RAM, arena" in tab.locator("#export thead").inner_text()


def test_ram_answers_to_the_mouse_and_names_its_block(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["surface"], DESK) as tab:
        peak = tab.locator("#network .arena .running.peak")
        peak.locator(".level").hover()
        tip = tab.locator(".tip")
        assert "RAM in use" in tip.inner_text()
        block = tab.locator("#network .blocks tr.now")
        assert block.locator("th b").inner_text() in tip.inner_text()
        assert tip.locator("dd").inner_text() == block.locator("td.top").last.inner_text().strip()
        keys = tab.locator("#network .arena .key").all_inner_texts()
        assert keys[0].startswith("needed") and keys[-1].startswith("budget")
        assert "RAM, INT8" in tab.locator("#network .blocks thead").inner_text()


def test_lines_of_several_names_have_colours_of_their_own(browser: Any, pages: dict[str, Path]) -> None:
    for name, section, count in (("simulated", "curves", 2), ("supernet_front", "supernet_front", 3)):
        with opened(browser, pages[name], DESK) as tab:
            figure = tab.locator(f"#{section} figure").last
            lines = figure.locator(".plot .line-path")
            colours = lines.evaluate_all("all => all.map((one) => getComputedStyle(one).stroke)")
            assert len(set(colours)) == len(colours) == count
            assert figure.locator(".controls .key").count() == count


def test_epochs_are_whole_at_the_ticks_and_labels_differ(browser: Any, pages: dict[str, Path]) -> None:
    texts = "all => all.map((one) => one.textContent).filter((text) => !/[→↑]/.test(text))"
    for name in ("trained", "supernet", "discovered"):
        with opened(browser, pages[name], DESK) as tab:
            for figure in tab.locator("figure.chart").all():
                shown = figure.locator(".plot text").evaluate_all(texts)
                across = figure.locator(".plot text[text-anchor=middle]").evaluate_all(texts)
                up = figure.locator(".plot text[text-anchor=end]:not(.axis-name):not(.limit-name)").evaluate_all(texts)
                assert len(set(across)) == len(across) and len(set(up)) == len(up)
                if "→ epoch" in figure.locator(".plot").text_content():
                    assert all(text.isdigit() for text in across), shown


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

"""Every page is read by everybody: WCAG 2 A and AA by axe-core, in both themes; the Filter page from 1024 to 2560 px."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
RULES = "axe.run(document, {runOnly: ['color-contrast', 'aria-allowed-attr', 'button-name', 'label', 'link-name', 'image-alt']})"


def violations(page) -> list[str]:
    """What axe finds wrong on the page, but for what Streamlit itself draws over a table."""
    page.evaluate(AXE)
    found = page.evaluate(RULES)["violations"]
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_filter_page_meets_wcag_aa(browser, address, scheme):
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector(".ps-map[data-stamp]")
    page.locator(".ps-gallery button").first.wait_for()
    page.wait_for_timeout(1000)
    assert violations(page) == []
    page.keyboard.press("Control+k")
    page.get_by_role("dialog", name="Commands").wait_for()
    assert violations(page) == []
    context.close()


@pytest.mark.parametrize(("width", "zoom"), [(1024, 1), (1440, 1.5), (2560, 1)])
def test_nothing_is_cut_off(browser, address, width, zoom):
    size = {"width": round(width / zoom), "height": round(900 / zoom)}  # what a zoomed window is to its page
    context = browser.new_context(viewport=size, device_scale_factor=zoom)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector(".ps-map[data-stamp]")
    wide = "(all) => all.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.className)"
    assert page.locator("[data-testid='stMain'], .st-key-rules, .st-key-side").evaluate_all(wide) == []
    inside = "(all) => all.every((one) => { const box = one.getBoundingClientRect(); return box.left >= 0 && box.right <= innerWidth + 1 })"
    assert page.locator("[data-testid='stMain'] button:visible").evaluate_all(inside)
    context.close()

"""The pages in a real browser: found by eye, by keyboard and on a phone; alive; and deaf to whatever was stored."""

from __future__ import annotations

import re
import shutil
import threading
from typing import TYPE_CHECKING, Any

import attrs
import pytest

import convo
from convo.inspector.serving import Serving
from tests.inspector.conftest import PNG, SPEAKS, Looked
from tests.support.builders import recording
from tests.support.payloads import FILE_NAMES, PAYLOADS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Dialog, Page

PATIENCE = 60_000
"""Milliseconds after which a browser that does not answer is given up: the machine may be busy."""
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PAGES = ("", "search?words=dog", "usage?days=", "doctor", "c/{id}", "c/{id}/sent", "c/nonsense")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def url(looked: Looked) -> Iterator[str]:
    """The address of the inspector of anna's conversations."""
    store = convo.Store.existing(f"sqlite:///{looked.path}", clock=looked.clock)
    serving = Serving(store, "anna", title="a <b>place</b>")
    thread = threading.Thread(target=serving.run, daemon=True)
    thread.start()
    yield serving.url
    serving.stop()
    thread.join()
    store.close()


@attrs.define(slots=False)  # the driver keeps something of its own in what it calls
class Opened:
    """A page, and what it should not have done: said, asked for elsewhere, or tried against its policy."""

    page: Page
    wrong: list[str] = attrs.field(factory=list)

    @classmethod
    def of(cls, page: Page, home: str) -> Opened:
        """Watch a page."""
        page.set_default_timeout(PATIENCE)
        opened = cls(page)
        page.on("dialog", opened.dismiss)
        page.on("pageerror", lambda error: opened.wrong.append(f"error {error}"))
        page.on("console", lambda told: opened.wrong.append(told.text) if "Security Policy" in told.text else None)
        page.on("request", lambda request: None if request.url.startswith(home) else opened.wrong.append(request.url))
        return opened

    def dismiss(self, dialog: Dialog) -> None:
        """Take note of a dialog."""
        self.wrong.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def check(self) -> None:
        """Nothing that was stored did anything."""
        found = self.page.evaluate("""() => ({
            canary: window.canary,
            handlers: [...document.querySelectorAll("*")].filter(e => e.getAttributeNames().some(n => n.startsWith("on"))).length,
            foreign: document.querySelectorAll(
                ["script", "style", "iframe", "object", "embed", "link", "meta", "base", "marquee", "math"].map(n => "main " + n)
            ).length,
            addresses: [...document.querySelectorAll("[href], [src], [action]")]
                .map(e => e.href?.baseVal ?? e.href ?? e.src ?? e.action).filter(a => !a.startsWith(location.origin)),
        })""")
        assert found.pop("canary", None) is None
        assert found == {"handlers": 0, "foreign": 0, "addresses": []}
        assert self.wrong == []


@pytest.fixture
def opens(browser: Browser, url: str) -> Iterator[Callable[..., Opened]]:
    """Opens a page of the inspector; what each did is looked at in the end."""
    contexts, opened = [], []

    def open_(path: str = "", **options: Any) -> Opened:
        contexts.append(browser.new_context(**options))
        opened.append(Opened.of(contexts[-1].new_page(), url))
        opened[-1].page.goto(url + path)
        return opened[-1]

    yield open_
    for one in opened:
        assert one.wrong == []
    for context in contexts:
        context.close()


# --- what people do --------------------------------------------------------------------------------


def test_from_the_list_to_a_recording_and_to_what_would_be_sent(opens: Callable[..., Opened], looked: Looked) -> None:
    page = opens().page
    page.get_by_role("link", name="About dogs").click()
    assert page.title() == "About dogs · convo"
    page.get_by_text("calls weather").click()
    assert "Bonn" in page.locator("details[open] pre").first.inner_text()
    heard = page.locator("audio").first.evaluate("""async (player) => {
        player.preload = "auto";
        player.load();
        await new Promise((done) => player.addEventListener("canplaythrough", done));
        player.currentTime = 0.5;
        await new Promise((done) => player.addEventListener("seeked", done));
        return [player.duration, player.currentTime, player.error];
    }""")
    assert heard == [1, 0.5, None]
    page.get_by_role("link", name="What would be sent now").click()
    page.wait_for_selector("#plan .how-reference")


def test_the_slider_shows_how_the_request_changes_and_ids_count_down(opens: Callable[..., Opened], looked: Looked) -> None:
    page = opens(f"c/{looked.chat.id}/sent").page
    assert page.locator("tr.changed").count() == 0
    slider = page.get_by_role("slider")
    slider.focus()
    slider.press("End")
    page.wait_for_selector("tr.changed")
    assert "transcript" in page.locator("tr.changed").first.inner_text()
    assert "at=" in page.url
    assert "changes" in (slider.get_attribute("aria-valuetext") or "") or "change" in (
        slider.get_attribute("aria-valuetext") or ""
    )
    slider.press("Home")
    page.wait_for_selector("tr.changed", state="detached")
    assert page.locator("[data-until]").count() > 0
    assert re.search(r"\d+ min \d+ s left", page.locator("[data-until]").first.inner_text())


def test_a_page_follows_the_conversation_and_keeps_what_was_opened(opens: Callable[..., Opened], looked: Looked) -> None:
    page = opens(f"c/{looked.chat.id}").page
    page.evaluate("window.same = true")
    details = page.locator("#m2 details.raw")
    details.locator("summary").click()
    player = page.locator("#m2 audio").element_handle()
    said = f"Said at {page.url[-5:]} while somebody looks"
    looked.chat.send(looked.client, said, **SPEAKS)
    page.get_by_text(said).first.wait_for()
    page.get_by_role("status").get_by_text("live").wait_for()
    assert page.evaluate("window.same")
    assert details.get_attribute("open") is not None
    assert player is not None
    assert player.evaluate("(player) => player.isConnected"), "a player is not replaced: it may be playing"


def test_when_a_countdown_ends_the_page_is_looked_at_again(opens: Callable[..., Opened], looked: Looked) -> None:
    page = opens(f"c/{looked.chat.id}/sent").page
    page.locator("#plan [data-until]").first.wait_for()
    with page.expect_request(lambda request: request.url == page.url):
        page.locator("[data-until]").first.evaluate("(element) => { element.dataset.until = Date.now() - 1; }")


def test_everything_can_be_read_without_javascript(opens: Callable[..., Opened], looked: Looked) -> None:
    page = opens(java_script_enabled=False).page
    page.get_by_role("link", name="About dogs").click()
    page.get_by_role("link", name="What would be sent now").click()
    assert page.get_by_role("slider").count() == 0
    page.locator("#steps a").last.click()
    page.wait_for_selector("tr.changed")
    assert "until" in page.locator("body").inner_text() or "always" in page.locator("body").inner_text()


def test_the_keyboard_is_enough(opens: Callable[..., Opened]) -> None:
    page = opens().page

    def focused() -> str:
        page.keyboard.press("Tab")
        found: str = page.evaluate("(document.activeElement.textContent || document.activeElement.name).trim()")
        return found

    assert focused() == "Skip to content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left >= 0"), "it can be seen when it is reached"
    assert [focused() for _ in range(5)] == ["convo", "Conversations", "Search", "Usage", "Doctor"]
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("usage$"))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert focused() == "7 days"


# --- how it looks ----------------------------------------------------------------------------------

CONTRASTS = """() => {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const rgba = (colour) => {
        canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = (rgb) => {
        const [r, g, b] = rgb.slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = rgba(getComputedStyle(at).backgroundColor);
            if (colour[3] === 255) return colour;
        }
        return [255, 255, 255, 255];
    };
    const weak = [];
    for (const element of document.body.querySelectorAll("*")) {
        const text = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
        if (!text || !element.checkVisibility() || element.closest("svg")) continue;
        const style = getComputedStyle(element);
        const [a, b] = [light(rgba(style.color)), light(behind(element))].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < 4.5) weak.push(`${element.tagName}.${element.className}: ${ratio.toFixed(2)}`);
    }
    return [...new Set(weak)];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_in_dark(opens: Callable[..., Opened], looked: Looked, scheme: str) -> None:
    one = opens(color_scheme=scheme)
    home = one.page.url
    for path in PAGES:
        one.page.goto(home + path.format(id=looked.chat.id))
        assert one.page.evaluate(CONTRASTS) == [], path


def test_a_phone_is_wide_enough(opens: Callable[..., Opened], looked: Looked) -> None:
    one = opens(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    home = one.page.url
    for path in PAGES:
        one.page.goto(home + path.format(id=looked.chat.id))
        assert one.page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_words_of_the_menu_stay_whole_on_the_smallest_phone(opens: Callable[..., Opened]) -> None:
    page = opens(viewport={"width": 320, "height": 568}, is_mobile=True, has_touch=True).page
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    lines = page.evaluate("""[...document.querySelectorAll(".top nav a")].map((link) => {
        const range = document.createRange();
        range.selectNodeContents(link);
        return range.getClientRects().length;
    })""")
    assert lines == [1, 1, 1, 1]


# --- what was stored -------------------------------------------------------------------------------


def hostile(store: convo.Store, payloads: tuple[str, ...]) -> convo.Conversation:
    """A conversation that holds payloads everywhere where text can be stored."""
    joined = " ".join(payloads)
    printable = "".join(filter(str.isprintable, joined))
    notes = {f"p{number}": payload for number, payload in enumerate(payloads)}
    chat = store.create(instructions=joined, title=joined[:1_000], metadata=notes, key=printable[:200])
    for number, payload in enumerate(payloads):
        chat.add(payload, recording(payload), metadata={"p": payload, "q": {payload: payload}})
        call = {"id": payload, "type": "function", "function": {"name": payload, "arguments": payload}}
        answer = {
            "role": "assistant",
            "content": payload,
            "refusal": payload,
            "tool_calls": [call],
            "unknown": {payload: payload},
        }
        chat.record({"id": payload, "model": payload, "choices": [{"index": 0, "finish_reason": payload, "message": answer}]})
        chat.tool_output(payload, payload if number % 2 else {"k": payload})
        chat.annotate(chat.head, note=payload)
    for name in FILE_NAMES:
        chat.add("file", convo.File(data=b"%PDF-1.4", name=name), convo.Image.open(PNG))
    chat.add("Fetch me", convo.Image(url="https://attacker.invalid/x.png"))
    chat.hold(printable[:900])
    chat.fork()
    return chat


@pytest.fixture(scope="module")
def hostiles(looked: Looked) -> list[convo.Conversation]:
    half = len(PAYLOADS) // 2
    return [hostile(looked.store, PAYLOADS[:half]), hostile(looked.store, PAYLOADS[half:])]


def test_nothing_that_was_stored_is_ever_obeyed(
    opens: Callable[..., Opened], looked: Looked, hostiles: list[convo.Conversation]
) -> None:
    looked.store.search("canary")
    one = opens()
    home = one.page.url
    queries = [f"?title={payload}" for payload in PAYLOADS[20:24]]
    chats = [f"c/{chat.id}{rest}" for chat in hostiles for rest in ("", "/sent")]
    for path in ("", "search?words=canary", "usage?days=", "doctor?verify=1", *chats, *queries):
        one.page.goto(home + path.replace("<", "%3C").replace('"', "%22").replace("#", "%23"))
        one.page.evaluate("for (const found of document.querySelectorAll('details')) found.open = true")
        one.page.locator("body").hover()
        one.check()


def test_the_policy_stops_a_script_should_any_escaping_fail(opens: Callable[..., Opened]) -> None:
    one = opens()
    ran = one.page.evaluate("""() => {
        const script = document.createElement("script");
        try { script.textContent = "window.canary = 1"; } catch { return "refused as text"; }
        document.body.append(script);
        return window.canary ?? "did not run";
    }""")
    assert ran in ("refused as text", "did not run")
    made = one.page.evaluate(
        """() => { try { document.body.innerHTML = "<b>x</b>"; return "made"; } catch { return "refused"; } }"""
    )
    assert made == "refused"
    one.wrong.clear()


def test_the_payloads_do_run_where_nothing_escapes_them(browser: Browser) -> None:
    """Otherwise the test above says nothing."""
    ran = 0
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    for payload in PAYLOADS[:30]:
        page.goto("about:blank")
        page.set_content(f"<p>{payload}</p><p>{payload}</p>", wait_until="domcontentloaded")
        try:
            page.wait_for_function("window.canary === 1", timeout=300)
        except Exception:  # noqa: BLE001 - what the driver raises when it does not come
            continue
        ran += 1
    context.close()
    assert ran >= 12


def test_a_document_runs_nothing_either(browser: Browser, hostiles: list[convo.Conversation], tmp_path: Path) -> None:
    context = browser.new_context()
    for number, chat in enumerate(hostiles):
        file = tmp_path / f"page-{number}.html"
        file.write_text(chat.document("html", audio=True), encoding="utf-8", errors="surrogatepass")
        one = Opened.of(context.new_page(), "file://")
        one.page.on("request", lambda request: None)
        one.page.goto(file.as_uri())
        one.page.locator("body").hover()
        assert one.page.evaluate("window.canary") is None
        assert one.page.evaluate("document.querySelectorAll('script, iframe, object, embed, base, form, svg').length") == 0
        assert [told for told in one.wrong if not told.startswith("data:")] == []
    context.close()

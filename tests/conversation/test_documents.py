"""A conversation as a page, Markdown, captions and a line to tune with: all that was said, and none of it obeyed."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

import convo
from convo.documents.page import POLICY
from tests.analysis.test_tables import CALLED
from tests.conversation.test_session_files import MODEL, PNG
from tests.support.builders import wav

XSS = [
    "<script>alert(1)</script>", "</p><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>",
    '"><script>alert(1)</script>', "'-alert(1)-'", "javascript:alert(1)", "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>", "</textarea><script>alert(1)</script>", "<!--<script>alert(1)//-->",
    "<iframe src=javascript:alert(1)>", "<a href='javascript:alert(1)'>x</a>", "<body onload=alert(1)>",
    "<meta http-equiv=refresh>", "<base href=//evil>", "<form action=//evil><input>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;", "<scr\0ipt>alert(1)</scr\0ipt>", "\u202e<script>", "<ScRiPt\n>alert(1)</sCrIpT\t>",
    "{{constructor.constructor('alert(1)')()}}", "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
]  # fmt: skip
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "pre", "article", "time", "audio", "img",
}  # fmt: skip


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    def check(self) -> None:
        """Nothing is there but what we write ourselves."""
        assert {tag for tag, _ in self.tags} <= ALLOWED
        for _, attributes in self.tags:
            assert not [name for name in attributes if name.startswith("on") or name in ("style", "href", "action", "srcdoc")]
            assert (attributes.get("src") or "data:").startswith("data:")


@pytest.mark.parametrize("text", XSS, ids=range(len(XSS)))
def test_nothing_that_was_said_is_markup(store: Any, text: str) -> None:
    chat = store.create(title=text.replace("\0", ""), instructions=text)
    chat.add(text, name="evil")
    calls = [{"id": "1", "type": "function", "function": {"name": text, "arguments": text}}]
    made = store.create(messages=[{"role": "user", "content": text}, {"role": "assistant", "tool_calls": calls}])
    for one in (chat, made):
        page = Page(one.document("html"))
        page.check()
        assert "alert" not in text or any("alert" in said for said in page.said)
        assert page.tags[3] == ("meta", {"http-equiv": "Content-Security-Policy", "content": POLICY})
    assert "<script" not in chat.document("md").lower().replace("\\<", "")
    cues = chat.document("vtt").split("\n\n")[1:]
    assert all(cue.count("-->") == 1 for cue in cues)


def spoken(store: Any, client: Any, clock: Any) -> Any:
    chat = store.create(title="A talk", instructions="Be brief.")
    chat.send(client, convo.Audio.from_bytes(wav(1.5), transcript="Hello there."), model=MODEL, voice="alloy", format="wav")
    clock.advance(timedelta(minutes=61, milliseconds=5))
    chat.send(client, "And now?", model=MODEL, voice="alloy", format="wav")
    return chat


def test_a_page_plays_audio_where_it_is_wished(store: Any, client: Any, clock: Any) -> None:
    chat = spoken(store, client, clock)
    page = Page(chat.document("html", audio=True))
    page.check()
    players = [attributes for tag, attributes in page.tags if tag == "audio"]
    assert len(players) == 3
    assert all((one["src"] or "").startswith("data:audio/wav;base64,") for one in players)
    silent = chat.document("html")
    assert "<audio" not in silent
    assert "[audio, 1.5 s]" in silent
    assert "Hello there." in silent


def test_a_page_shows_pictures_that_hold_no_script(store: Any) -> None:
    chat = store.create()
    chat.add(convo.Image.open(PNG), "Look.")
    assert [(attributes["src"] or "")[:22] for tag, attributes in Page(chat.document("html")).tags if tag == "img"] == [
        "data:image/png;base64,"
    ]


MARKS = ["# head", "- item", "1. one", "> quote", "`code`", "**bold**", "[x](javascript:alert(1))", "![x](http://e)", "~~~\ncode"]
MARKS += ["    indented code", "a | b\n--|--", "text\n===", "&lt;", "\\*", "<b>", "+ plus", "* star", "_em_", "***"]


@pytest.mark.parametrize("text", MARKS)
def test_markdown_shows_marks_as_they_were_written(store: Any, text: str) -> None:
    chat = store.create()
    chat.add(text)
    lines = chat.document("md").split("\n\n", 3)[3].splitlines()
    shown = "\n".join(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", line.removeprefix("> ").rstrip()) for line in lines)
    assert shown.replace("\\", "") == "\n".join(line.strip() for line in text.splitlines()).replace("\\", "")
    for line in lines:
        assert re.match(r"> (?!\s*(?:[-+*#>]|\d+[.)]|===|~~~|\|)\s?)", line)
        assert not re.search(r"(?<!\\)[`*_\[\]<>|]", line.removeprefix("> "))


def test_captions_have_the_times_of_what_was_said(store: Any, client: Any, clock: Any) -> None:
    chat = spoken(store, client, clock)
    first, second, third, _ = chat.document("srt").strip().split("\n\n")
    assert first == "1\n00:00:00,000 --> 00:00:01,500\nUser: Hello there."
    assert second.startswith("2\n00:00:01,500 --> ")
    assert third.startswith("3\n01:01:00,005 --> 01:01:01,005\nUser: And now?")
    text = chat.document("vtt")
    assert text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.500\n<v User>Hello there.\n\n00:00:01.500 --> ")
    assert "Be brief." not in text


def test_a_line_to_tune_with_has_calls_and_their_results(store: Any) -> None:
    chat = store.create(instructions="Be brief.", messages=[*CALLED, {"role": "user", "content": "And then?"}])
    found = json.loads(chat.document("finetune"))
    assert [message["role"] for message in found["messages"]] == ["system", "user", "assistant", "tool", "tool", "assistant"]
    assert found["messages"][2]["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Bonn"}'}
    assert found["messages"][2]["content"] is None
    assert found["messages"][-1] == {"role": "assistant", "content": "It rains."}


def test_what_nobody_should_learn_is_left_out(store: Any) -> None:
    assert store.create().document("finetune") == ""
    assert store.create(messages=CALLED[:1]).document("finetune") == ""
    redacted = store.create(messages=CALLED)
    redacted.redact(1)
    assert redacted.document("finetune") == ""
    open_call = store.create(messages=[CALLED[0], {"role": "assistant", "content": "Yes."}, *CALLED[:3]])
    messages = json.loads(open_call.document("finetune"))["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"]


def test_speech_is_tuned_with_as_what_was_said(store: Any, client: Any, clock: Any) -> None:
    messages = json.loads(spoken(store, client, clock).document("finetune"))["messages"]
    assert messages[1] == {"role": "user", "content": "Hello there."}
    assert set(messages[2]) == {"role", "content"}


@pytest.mark.parametrize("format_", ["html", "md", "srt", "vtt", "finetune"])
def test_a_hook_sees_each_text(store: Any, format_: str) -> None:
    chat = store.create(title="Wanda", instructions="You help Wanda.", messages=CALLED)
    chat.add("I am Wanda.", name="Wanda")
    text = chat.document(format_, redact=lambda said: said.replace("Wanda", "***").replace("Bonn", "***"))
    assert "Wanda" not in text
    assert "Bonn" not in text


BAD: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"format": "pdf"}, convo.InputError),
    ({"format": "html", "audio": 1}, convo.InputError),
    ({"format": "html", "redact": "x"}, convo.InputError),
    ({"format": "html", "redact": str, "audio": True}, convo.InputError),
    ({"format": "html", "redact": lambda _: None}, convo.InputError),
]


@pytest.mark.parametrize(("arguments", "error"), BAD, ids=range(len(BAD)))
def test_what_is_no_document_is_refused(store: Any, arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        store.create(messages=CALLED).document(**arguments)

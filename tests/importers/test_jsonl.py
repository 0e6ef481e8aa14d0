"""Chat Completions as lines of JSON: fine-tuning files, batches, logs of requests; and lines that are none."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convo
from convo.importers import jsonl
from convo.importers.reading import notes
from convo.metadata import MAX_CHARACTERS
from tests.support.foreign import assembles, conversations, healthy, lines

if TYPE_CHECKING:
    from pathlib import Path

ASK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi."}]
SAID = {"role": "assistant", "content": "Hello."}


def only(store: convo.Store) -> convo.Conversation:
    (found,) = conversations(store)
    chat: convo.Conversation = found
    return chat


def test_a_line_is_a_conversation_with_what_stands_beside_its_messages(here: convo.Store, tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "rain", "parameters": {}}}
    line = {"id": "r-1", "messages": [*ASK, SAID], "model": "gpt-5.5", "created": 1_700_000_000, "tools": [tool], "title": "Talk"}
    done = here.import_from("jsonl", lines(tmp_path, line))
    assert (done.created, done.messages, done.not_carried) == (1, 3, ())
    chat = here.get(key="jsonl:r-1")
    assert (chat.instructions, chat.title, chat.created_at.year) == ("Be brief.", "Talk", 2023)
    assert chat.history()[-1].model == "gpt-5.5"
    assert chat.metadata["jsonl"] == {"model": "gpt-5.5", "tools": [tool], "title": "Talk"}
    assert assembles(chat) == [*ASK, SAID]


@pytest.mark.parametrize(
    "beside",
    [
        {"choices": [{"index": 0, "message": SAID, "finish_reason": "stop"}]},
        {"response": {"id": "chatcmpl-1", "choices": [{"message": SAID}], "usage": {"total_tokens": 3}}},
        {"response": {"status_code": 200, "body": {"choices": [{"message": SAID}]}}},
    ],
)
def test_an_answer_beside_its_request_is_the_last_message(here: convo.Store, tmp_path: Path, beside: Any) -> None:
    here.import_from("jsonl", lines(tmp_path, {"messages": ASK, **beside}))
    chat = only(here)
    assert assembles(chat) == [*ASK, SAID]
    assert "Hello." not in json.dumps(chat.metadata)


def test_a_request_of_a_batch_is_a_conversation(here: convo.Store, tmp_path: Path) -> None:
    body = {"model": "gpt-5.5", "messages": ASK, "temperature": 0}
    line = {"custom_id": "b-1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    here.import_from("jsonl", lines(tmp_path, line))
    chat = here.get(key="jsonl:b-1")
    assert chat.metadata["jsonl"]["body"] == {"model": "gpt-5.5", "temperature": 0}


def test_a_log_that_tells_a_conversation_again_and_again_is_one(here: convo.Store, tmp_path: Path) -> None:
    more = [*ASK, SAID, {"role": "user", "content": "Go on."}]
    edited = [*ASK, SAID, {"role": "user", "content": "Stop."}]
    path = lines(tmp_path, {"id": 1, "messages": ASK}, {"id": 1, "messages": more}, {"id": 1, "messages": edited})
    done = here.import_from("jsonl", path)
    assert (done.conversations, done.created, done.grown, done.messages, done.branches) == (3, 1, 2, 5, 1)
    assert assembles(only(here)) == edited


def test_without_an_id_it_is_known_by_what_it_says(here: convo.Store, tmp_path: Path) -> None:
    here.import_from("jsonl", lines(tmp_path, {"messages": ASK}, {"messages": [*ASK, SAID]}))
    done = here.import_from("jsonl", lines(tmp_path, {"messages": [*ASK, SAID]}, {"messages": [SAID]}, {"messages": ASK}))
    assert (done.conversations, done.created) == (3, 1)


def test_unknown_keys_of_messages_stay(here: convo.Store, tmp_path: Path) -> None:
    here.import_from("jsonl", lines(tmp_path, {"messages": [ASK[1], {**SAID, "weight": 0, "refusal": None}]}))
    assert only(here).history()[-1].raw == {**SAID, "weight": 0, "refusal": None}


@pytest.mark.parametrize(
    "text", ["hello", "7", "{}", '{"messages": 3}', '{"messages": [3]}', '{"prompt": "x"}', "\x00", "[" * 9_000]
)
def test_a_file_that_begins_with_something_else_is_an_error(here: convo.Store, tmp_path: Path, text: str) -> None:
    with pytest.raises(convo.NotImportable, match="line 1"):
        here.import_from("jsonl", lines(tmp_path, text, {"messages": ASK}))
    assert conversations(here) == []


@pytest.mark.parametrize(
    "line",
    [
        "hello", '{"messages": [{"role": "user", "content": "cut o', {"messages": "no"}, {"messages": [{"content": "no role"}]},
        {"messages": [{"role": "user", "content": 7}]}, {"messages": [{"role": "user", "content": [{"type": "smell"}]}]},
        {"messages": [{"role": "tool", "content": "no id"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": {"$blob": "00"}}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]}]},
        '{"messages": [{"role": "user", "content": NaN}]}',
        '{"messages": [{"role": "user", "content": ' + "[" * 500 + "]" * 500 + "}]}",
    ],
)  # fmt: skip
def test_a_line_that_is_none_is_skipped_whole_and_the_others_go_on(here: convo.Store, tmp_path: Path, line: Any) -> None:
    done = here.import_from("jsonl", lines(tmp_path, {"messages": ASK}, line, {"messages": [SAID]}))
    assert (done.conversations, done.created, done.skipped) == (3, 2, 1)
    assert len(conversations(here)) == 2
    assert done.not_carried[0].reason


def test_messages_that_say_nothing_are_told_and_the_others_come_over(here: convo.Store, tmp_path: Path) -> None:
    nothing = [{"role": "user", "content": ""}, {"role": "user", "content": []}, {"role": "system", "content": None}]
    done = here.import_from("jsonl", lines(tmp_path, {"messages": [ASK[1], *nothing, SAID, {"role": "user", "content": ""}]}))
    assert [(lost.kind, lost.count) for lost in done.not_carried] == [("empty_message", 4)]
    assert assembles(only(here)) == [ASK[1], SAID]


def test_lone_surrogates_become_what_every_encoding_carries(here: convo.Store, tmp_path: Path) -> None:
    here.import_from(
        "jsonl", lines(tmp_path, '{"id": "\\ud800", "messages": [{"role": "user", "content": "a\\ud83d b\\u0000"}]}')
    )
    chat = only(here)
    assert chat.history()[0].text == "a\N{REPLACEMENT CHARACTER} b\0"
    assembles(chat)


def test_a_byte_order_mark_and_empty_lines_are_passed_over(here: convo.Store, tmp_path: Path) -> None:
    path = lines(tmp_path, "\ufeff" + json.dumps({"messages": ASK}), "", "  ")
    assert here.import_from("jsonl", path).created == 1


def test_a_line_that_would_fill_the_memory_is_refused(here: convo.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "MOST", 200)
    path = lines(tmp_path, {"messages": ASK}, {"messages": [{"role": "user", "content": "x" * 300}]})
    with pytest.raises(convo.NotImportable, match="line 2 has more than 200 bytes") as caught:
        here.import_from("jsonl", path)
    assert caught.value.report is not None
    assert caught.value.report.created == len(conversations(here)) == 1


# --- any lines -------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(lambda text: bool(text.strip()))
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "developer", "user", "assistant"]), "content": TEXT}),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25)
@given(told=st.lists(MESSAGES, min_size=1, max_size=4), again=st.integers(0, 4))
def test_any_messages_come_over_as_they_are_and_once(
    told: list[Any], again: int, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("lines")
    (folder / "s.db").write_bytes(sqlite_template.read_bytes())
    with convo.Store(f"sqlite:///{folder / 's.db'}") as store:
        if told[:again]:
            store.import_from(
                "jsonl", lines(folder, *({"id": n, "messages": messages} for n, messages in enumerate(told[:again])))
            )
        path = lines(folder, *({"id": n, "messages": messages} for n, messages in enumerate(told)))
        done = store.import_from("jsonl", path)
        assert done.created == len(told) - len(told[:again])
        assert store.import_from("jsonl", path).messages == 0
        for number, messages in enumerate(told):
            chat = store.get(key=f"jsonl:{number}")
            assert [message.raw for message in chat.history()] == messages
            assert [message["content"] for message in chat.request("gpt-5.5")["messages"]] == [one["content"] for one in messages]
        assert healthy(store)


def test_messages_too_deep_to_be_written_skip_their_line_alone(here: convo.Store, tmp_path: Path) -> None:
    deep = "[" * 1_010 + "]" * 1_010  # as deep as the reader of JSON goes
    path = tmp_path / "log.jsonl"
    good = json.dumps({"messages": ASK})
    path.write_text(f'{good}\n{{"messages": [{{"role": "user", "content": "Hi.", "more": {deep}}}]}}\n')
    done = here.import_from("jsonl", str(path))
    assert (done.created, done.skipped) == (1, 1)
    assert re.search("too deep|levels deep", done.not_carried[0].reason)  # the reader of Python 3.13 goes deeper


def test_notes_keep_as_many_small_facts_as_there_is_room_for() -> None:
    kept, dropped = notes("jsonl", "1", {"large": "x" * 200_000, **{f"k{number}": number for number in range(100_000)}})
    assert dropped[0] == "large"
    assert len(kept["jsonl"]) + len(dropped) == 100_001
    assert len(json.dumps(kept)) < MAX_CHARACTERS * 2

"""ChatGPT's export: tools, pictures, speech, instructions, thoughts; as a zip, a folder, a file; and what is none."""

from __future__ import annotations

import json
import tracemalloc
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convo
from convo.importers import chatgpt_files
from tests.support.builders import WAV, wav
from tests.support.foreign import PDF, PNG, assembles, conversations, exported, healthy, node, tree

if TYPE_CHECKING:
    from pathlib import Path


def imported(store: convo.Store, path: object, key: str = "c-1") -> tuple[convo.Imported, convo.Conversation]:
    done = store.import_from("chatgpt", str(path))
    return done, store.get(key=f"chatgpt:{key}")


def kinds(done: convo.Imported) -> dict[str, int]:
    return {lost.kind: lost.count for lost in done.not_carried}


CODE = {"content_type": "code", "language": "python", "text": "1 + 1"}
OUTPUT = {"content_type": "execution_output", "text": "2"}


def test_what_is_said_to_a_tool_is_a_call_and_what_it_says_the_answer(here: convo.Store, tmp_path: Path) -> None:
    nodes = [
        node("u1", None, "user", "Add."),
        node("5b2f7e0c-0000-4000-8000-000000000001", "u1", "assistant", CODE, recipient="python", metadata={"model_slug": "o3"}),
        node("t1", "5b2f7e0c-0000-4000-8000-000000000001", "tool", OUTPUT, name="python"),
        node("t2", "t1", "tool", {"content_type": "execution_output", "text": "done"}, name="python"),
        node("a2", "t2", "assistant", "It is 2."),
    ]
    done, chat = imported(here, exported(tmp_path, tree(nodes)))
    assert done.not_carried == ()
    call = {"name": "python", "arguments": '{"input":"1 + 1"}'}
    identifier = "call_5b2f7e0c000040008000000000000001"
    assert assembles(chat) == [
        {"role": "user", "content": "Add."},
        {"role": "assistant", "tool_calls": [{"id": identifier, "type": "function", "function": call}]},
        {"role": "tool", "content": "2", "tool_call_id": identifier},
        {"role": "function", "content": "done", "name": "python"},
        {"role": "assistant", "content": "It is 2."},
    ]


def test_json_for_a_tool_stays_as_it_is_written(here: convo.Store, tmp_path: Path) -> None:
    asked = {"content_type": "code", "text": '{"prompt": "a dog"}'}
    nodes = [node("u1", None, "user", "Draw."), node("a1", "u1", "assistant", asked, recipient="dalle.text2im")]
    _, chat = imported(here, exported(tmp_path, tree([*nodes, node("t1", "a1", "tool", "Drawn.", name="dalle.text2im")])))
    (call,) = chat.history()[1].tool_calls
    assert (call.name, call.arguments) == ("dalle_text2im", '{"prompt": "a dog"}')
    assert chat.history()[1].metadata["chatgpt"]["recipient"] == "dalle.text2im"


def test_a_call_that_nothing_follows_keeps_no_request_from_being_made(here: convo.Store, tmp_path: Path) -> None:
    nodes = [node("u1", None, "user", "Add."), node("a1", "u1", "assistant", CODE, recipient="python")]
    _, chat = imported(here, exported(tmp_path, tree(nodes)))
    assert assembles(chat) == [{"role": "user", "content": "Add."}]


def test_custom_instructions_are_the_instructions(here: convo.Store, tmp_path: Path) -> None:
    context = {"content_type": "user_editable_context", "user_profile": "I am a vet.", "user_instructions": "Be brief."}
    nodes = [
        node("r", None), node("s", "r", "system", ""), node("c", "s", "user", context, metadata={"is_user_system_message": True}),
        node("u1", "c", "user", "Hi."),
    ]  # fmt: skip
    done, chat = imported(here, exported(tmp_path, tree(nodes)))
    assert chat.instructions == "I am a vet.\n\nBe brief."
    assert [message["role"] for message in assembles(chat)] == ["system", "user"]
    assert (done.messages, done.not_carried) == (2, ())


def test_thoughts_stand_in_the_metadata_of_what_follows(here: convo.Store, tmp_path: Path) -> None:
    thought = {"content_type": "thoughts", "thoughts": [{"summary": "Dogs", "content": "They are loyal."}]}
    recap = {"content_type": "reasoning_recap", "content": "Thought for 3 seconds"}
    nodes = [
        node("u1", None, "user", "Why?"), node("h", "u1", "assistant", thought), node("r", "h", "assistant", recap),
        node("a1", "r", "assistant", "They are loyal."),
    ]  # fmt: skip
    done, chat = imported(here, exported(tmp_path, tree(nodes)))
    before = chat.history()[-1].metadata["chatgpt"]["before"]
    assert [one["content"]["content_type"] for one in before] == ["thoughts", "reasoning_recap"]
    assert done.not_carried == ()


def test_thoughts_at_the_end_are_told(here: convo.Store, tmp_path: Path) -> None:
    thought = {"content_type": "thoughts", "thoughts": []}
    nodes = [node("u1", None, "user", "Why?"), node("h", "u1", "assistant", thought)]
    done, _ = imported(here, exported(tmp_path, tree(nodes)))
    assert kinds(done) == {"nothing_follows": 1}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"content_type": "tether_quote", "url": "x.org", "title": "Dogs", "text": "A dog."}, "Dogs\nx.org\nA dog."),
        ({"content_type": "tether_browsing_display", "result": "Found.", "summary": None}, "Found."),
        ({"content_type": "sonic_webpage", "url": "https://x.org", "text": "Page."}, "https://x.org\nPage."),
        ({"content_type": "system_error", "name": "Refused", "text": "No."}, "Refused\nNo."),
        ({"content_type": "of the future", "text": "Words."}, "Words."),
        ({"content_type": "of the future", "blob": {"x": 1}}, None),
        ({"content_type": "multimodal_text", "parts": ["One.", {"content_type": "text", "text": "Two."}, None]}, "One.\nTwo."),
    ],
)
def test_each_type_of_content_says_its_words(here: convo.Store, tmp_path: Path, content: Any, text: str | None) -> None:
    said_so = node("a", "t1", "assistant", "So.")
    nodes = [node("u1", None, "user", "Look."), node("t1", "u1", "tool", content, name="browser"), said_so]
    _, chat = imported(here, exported(tmp_path, tree(nodes)))
    said = [message.text for message in chat.history() if message.role == "function"]
    assert said == ([] if text is None else [text])
    if text is None:
        assert chat.history()[-1].metadata["chatgpt"]["before"][0]["content"]["blob"] == {"x": 1}
    assembles(chat)


# --- files -----------------------------------------------------------------------------------------

SIGHT = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-AbC123", "width": 1}
SOUND = {"content_type": "audio_asset_pointer", "asset_pointer": "sediment://file_00aa11", "metadata": {"end": 1.0}}
WORDS = {"content_type": "audio_transcription", "text": "Is it?", "direction": "in"}
LIVE = {
    "content_type": "real_time_user_audio_video_asset_pointer",
    "audio_asset_pointer": SOUND,
    "frames_asset_pointers": ["sediment://file_00ff"],
}
FILES = [
    node("u1", None, "user", {"content_type": "multimodal_text", "parts": [SIGHT, "What is it?"]}, metadata={
        "attachments": [{"id": "file-AbC123", "name": "dog.png", "mime_type": "image/png"},
                        {"id": "file-Paper1", "name": "paper.pdf", "mime_type": "application/pdf"},
                        {"id": "file-Table1", "name": "table.csv", "mime_type": "text/csv"}]}),
    node("a1", "u1", "assistant", "A dog."),
    node("u2", "a1", "user", {"content_type": "multimodal_text", "parts": [WORDS, SOUND]}),
    node("a2", "u2", "assistant", {"content_type": "multimodal_text", "parts": [{**WORDS, "text": "It is."}, SOUND]}),
    node("t1", "a2", "tool", {"content_type": "multimodal_text", "parts": [SIGHT]}, name="dalle.text2im"),
    node("u3", "t1", "user", {"content_type": "multimodal_text", "parts": [{**WORDS, "text": "See?"}, LIVE]}),
]  # fmt: skip
ASSETS = {
    "file-AbC123-1f2e.png": PNG, "dalle/file-Paper1-paper.pdf": PDF, "file-Table1-table.csv": b"a,b\n",
    "audio/file_00aa11-77.wav": WAV, "user-x/file_00ff-1.png": PNG,
}  # fmt: skip


def packed(folder: Path, assets: dict[str, bytes] = ASSETS, name: str = "export.zip", listed: str = "conversations.json") -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(listed, json.dumps([tree(FILES)]))
        file.writestr("user.json", "{}")
        for entry, data in assets.items():
            file.writestr(entry, data)
    return path


@pytest.mark.parametrize("how", ["zip", "folder", "parts"])
def test_the_files_of_an_export_come_with_it(here: convo.Store, tmp_path: Path, how: str) -> None:
    path = packed(tmp_path, listed="conversations-000.json" if how == "parts" else "conversations.json")
    if how == "folder":
        with zipfile.ZipFile(path) as file:
            file.extractall(tmp_path / "out")
        path = tmp_path / "out"
    done, chat = imported(here, path)
    assert done.not_carried == ()
    first, _, asked, said, drawn, live = chat.history()
    assert [(piece.kind, piece.format) for piece in first.media] == [
        ("image", "image/png"), ("file", "application/pdf"), ("file", "text/csv"),
    ]  # fmt: skip
    assert [part["type"] for part in first.raw["content"]] == ["image_url", "text", "file"]
    assert (asked.audio and asked.audio.transcript, said.audio and said.audio.transcript) == ("Is it?", "It is.")
    assert asked.audio is not None
    assert chat.load(asked.audio).data == WAV
    assert [piece.kind for piece in drawn.media] == ["image"]
    assert [piece.kind for piece in live.media] == ["audio", "image"]
    wires = assembles(chat)
    assert [part["type"] for part in wires[0]["content"]] == ["image_url", "text", "file"]
    assert wires[3] == {"role": "assistant", "content": "It is."}
    assert healthy(here)


def test_a_second_import_keeps_its_files(here: convo.Store, tmp_path: Path) -> None:
    path = packed(tmp_path)
    _, chat = imported(here, path)
    before = list(chat.history())
    done, chat = imported(here, path)
    assert (done.messages, list(chat.history())) == (0, before)


def test_what_is_not_in_the_export_is_told_and_its_words_stay(here: convo.Store, tmp_path: Path) -> None:
    done, chat = imported(here, exported(tmp_path, tree(FILES)))
    assert kinds(done) == {"missing_image": 3, "missing_file": 3, "missing_audio": 3}
    assert [message.text for message in chat.history()] == ["[image]\nWhat is it?", "A dog.", "Is it?", "It is.", "See?\n[image]"]
    assembles(chat)


def test_damaged_files_do_no_harm(here: convo.Store, tmp_path: Path) -> None:
    assets = {**dict.fromkeys(ASSETS, b"not what it should be"), "audio/file_00aa11-77.wav": b"no sound"}
    done, chat = imported(here, packed(tmp_path, assets))
    assert kinds(done) == {"damaged_audio": 3}
    assert [message.text for message in chat.history()][2:4] == ["Is it?", "It is."]
    assembles(chat)


def test_a_recording_that_no_api_takes_goes_as_its_words(here: convo.Store, tmp_path: Path) -> None:
    done, chat = imported(here, packed(tmp_path, {**ASSETS, "audio/file_00aa11-77.wav": wav(0.02)}))
    assert kinds(done) == {"damaged_audio": 3}
    assert chat.history()[2].text == "Is it?"


def test_a_damaged_recording_is_stored_and_told(here: convo.Store, tmp_path: Path) -> None:
    webm = b"\x1aE\xdf\xa3" + b"\x01" * 8 + b"webm" + b"\0" * 500
    done, chat = imported(here, packed(tmp_path, {**ASSETS, "audio/file_00aa11-77.wav": webm}))
    assert done.created == 1
    assert set(kinds(done)) == {"damaged_audio"}
    assert chat.history()[2].text == "Is it?"


# --- what is no export -----------------------------------------------------------------------------

ONE = json.dumps(tree([node("u1", None, "user", "Hi.")]))


@pytest.mark.parametrize(
    ("text", "reason", "whole"),
    [
        ("", "no JSON list", 0),
        ("hello", "no JSON list", 0),
        ("[1, 2]", "no conversation", 0),
        ('[{"messages": []}]', "no conversation", 0),
        ("{}", None, 0),
        ("[]", None, 0),
        (f"[{ONE}, {ONE[:-20]}", "breaks off", 1),
        (f"[{ONE}, nonsense]", "breaks off", 1),
        (f"[{ONE}] and more", "breaks off", 1),
    ],
)
def test_a_source_that_is_none_or_breaks_off_is_an_error(
    here: convo.Store, tmp_path: Path, text: str, reason: str | None, whole: int
) -> None:
    path = tmp_path / "conversations.json"
    path.write_text(text)
    if reason is None:
        assert here.import_from("chatgpt", str(path)).conversations == 0
        return
    with pytest.raises(convo.NotImportable, match=reason) as caught:
        here.import_from("chatgpt", str(path))
    assert caught.value.report is not None
    assert (caught.value.report.created, len(conversations(here))) == (whole, whole)


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ({"a": {"parent": "b"}, "b": {"parent": "a"}}, "ring"),
        ({"u": node("u", None, "user", "Hi."), "a": node("a", "a", "user", "Me.")}, "ring"),
        ([], "no mapping"),
    ],
)
def test_what_is_no_tree_is_skipped_and_the_others_go_on(here: convo.Store, tmp_path: Path, mapping: Any, reason: str) -> None:
    bad = {**tree([]), "mapping": mapping, "conversation_id": "bad"}
    done = here.import_from("chatgpt", exported(tmp_path, tree([node("u1", None, "user", "Hi.")]), bad))
    assert (done.conversations, done.created, done.skipped) == (2, 1, 1)
    assert (done.not_carried[0].conversation, reason in done.not_carried[0].reason) == ("bad", True)


def test_hostile_nodes_are_read_as_far_as_they_say_something(here: convo.Store, tmp_path: Path) -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    nodes: list[dict[str, Any]] = [
        {"id": "n1", "parent": "nowhere", "children": 7, "message": {"author": 3, "content": {"parts": ["No author."]}}},
        {"id": "n2", "parent": "n1", "message": {"author": {"role": "user"}, "content": 5}},
        node("n3", "n1", "user", "Deep.", metadata={"x": deep}),
        node("n4", "n3", "assistant", "\ud83d lone \0", metadata={"note": "\ud83d\0"}, time=1e300),
        node("n5", "n4", "user", "Large.", metadata={"large": "x" * 200_000, "small": 1}, time=-5),
    ]
    done, chat = imported(here, exported(tmp_path, tree(nodes)))
    assert [message.text[:5] for message in chat.history()][:2] == ["No au", "Deep."]
    assert kinds(done) == {"metadata": 2}
    assert chat.history()[-1].metadata["source_id"] == "n5"
    assembles(chat)
    assert healthy(here)


def zipped(path: Path, how: str) -> Path:
    """A zip of one conversation in which a byte or a few say something else."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", f"[{ONE}]")
    data = bytearray(path.read_bytes())
    entry = data.find(b"PK\1\2")
    match how:
        case "encrypted":
            data[6] |= 1
            data[entry + 8] |= 1
        case "unknown compression":
            data[8] = data[entry + 10] = 99
        case "another header":
            data[0] = 0
        case "damaged":
            data[50:70] = b"\xff" * 20
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("how", ["encrypted", "unknown compression", "another header", "damaged"])
def test_a_zip_that_cannot_be_read_is_an_error(here: convo.Store, tmp_path: Path, how: str) -> None:
    with pytest.raises(convo.NotImportable, match="cannot be read"):
        here.import_from("chatgpt", str(zipped(tmp_path / "export.zip", how)))
    assert conversations(here) == []


@pytest.mark.parametrize("field", ['"content_type": "text"', '"conversation_id": "bad"', '"current_node": "u1"'])
def test_json_too_deep_to_be_printed_skips_its_conversation_alone(here: convo.Store, tmp_path: Path, field: str) -> None:
    good, bad = (json.dumps(tree([node("u1", None, "user", "Hi.")], conversation_id=name)) for name in ("good", "bad"))
    assert field in bad
    path = tmp_path / "conversations.json"
    path.write_text(f"[{good}, {bad.replace(field, field.partition(':')[0] + ': ' + '[' * 20_000 + ']' * 20_000)}, {ONE}]")
    done = here.import_from("chatgpt", str(path))
    assert (done.conversations, done.created, done.skipped) == (3, 2, 1)
    assert kinds(done) == {"conversation": 1}


def test_a_conversation_that_would_fill_the_memory_is_refused(
    here: convo.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chatgpt_files, "MOST", 300_000)
    small, large = tree([node("u1", None, "user", "Hi.")]), tree([node("u1", None, "user", "x" * 500_000)], conversation_id="c-2")
    with pytest.raises(convo.NotImportable, match="more than 300,000 bytes"):
        here.import_from("chatgpt", exported(tmp_path, small, large))
    assert [chat.key for chat in conversations(here)] == ["chatgpt:c-1"]


def test_memory_does_not_grow_with_the_export(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        one = json.dumps(tree([node("u1", None, "user", "x" * 20_000)]))
        path = tmp_path / f"{count}.json"
        path.write_text("[" + ",".join([one] * count) + "]")
        tracemalloc.start()
        for _ in chatgpt_files.ChatGPTExport(str(path)):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(5)
    assert peak(400) < 2 * peak(40)


def test_without_its_reader_the_extra_is_named(here: convo.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ijson", None)
    with pytest.raises(convo.MissingDependency, match=r"convo\[chatgpt\]"):
        here.import_from("chatgpt", exported(tmp_path, tree([])))


# --- any tree --------------------------------------------------------------------------------------

ROLES = st.sampled_from([None, "user", "assistant", "system", "tool"])


@st.composite
def trees(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Nodes, each behind one that came before it or behind none."""
    found: list[dict[str, Any]] = []
    for number in range(draw(st.integers(0, 9))):
        parent = draw(st.sampled_from([None, *(one["id"] for one in found)])) if found else None
        role = draw(ROLES)
        recipient = draw(st.sampled_from(["all", "python"])) if role == "assistant" else "all"
        text = draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
        found.append(node(f"n{number}", parent, role, text, recipient=recipient, name="python" if role == "tool" else None))
    return found


def paths(nodes: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    """Give the lines of a tree that say something, as texts of what is said on each."""
    known = {one["id"]: one for one in nodes}
    parents = {one["parent"] for one in nodes}
    found = set()
    for one in nodes:
        if one["id"] in parents:
            continue
        line: list[str] = []
        at: Any = one
        while at is not None:
            message = at["message"]
            text = message and message["content"]["parts"][0]
            if text:
                line.insert(0, at["id"])
            at = known.get(at["parent"])
        found.add(tuple(line))
    return {line for line in found if line and not any(other != line and other[: len(line)] == line for other in found)}


@settings(max_examples=25)
@given(nodes=trees(), grown=st.integers(0, 9))
def test_any_tree_is_imported_line_by_line_whenever_it_grew(
    nodes: list[dict[str, Any]], grown: int, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    (folder / "s.db").write_bytes(sqlite_template.read_bytes())
    with convo.Store(f"sqlite:///{folder / 's.db'}") as store:
        store.import_from("chatgpt", exported(folder, tree(nodes[:grown])))
        store.import_from("chatgpt", exported(folder, tree(nodes)))
        chat = store.get(key="chatgpt:c-1")
        known = set()
        for branch in chat.branches():
            chat.switch(branch)
            known.add(tuple(message.metadata["source_id"] for message in chat.history()))
            if branch.head:
                try:
                    chat.request("gpt-5.5")
                except convo.NothingToSend:
                    assert not any(message.role == "user" for message in chat.history())
        assert paths(nodes) <= known
        again = store.import_from("chatgpt", exported(folder, tree(nodes)))
        assert (again.messages, again.branches) == (0, 0)
        assert healthy(store)

"""`list` and `show` say what is in a store, to people and to programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import convo
from convo.testing import FixedClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

    from click.testing import Result

    from convo.testing import FakeAPI

    Run = Callable[..., Result]


def test_list_shows_a_conversation_in_a_line(run: Run, chat_id: UUID) -> None:
    result = run("list")
    header, row = result.stdout.splitlines()
    assert header.split() == ["ID", "CREATED", "(UTC)", "HEAD", "TITLE", "METADATA"]
    assert row.split() == [str(chat_id), "2025-11-01", "12:00:00", "7", "Dogs", '{"channel":', '"phone"}']
    assert (result.exit_code, result.stderr) == (0, "")


def test_list_gives_the_same_as_json(run: Run, chat_id: UUID) -> None:
    assert json.loads(run("list", "--json").stdout) == [
        {
            "id": str(chat_id),
            "owner": "",
            "key": "call-1",
            "title": "Dogs",
            "metadata": {"channel": "phone"},
            "created_at": "2025-11-01T12:00:00+00:00",
            "head": 7,
            "instructions": "Be brief.",
        }
    ]


def _make(path: Path, count: int, owner: str = "") -> list[str]:
    """Make conversations a second apart; give their ids, newest first."""
    clock = FixedClock()
    made = []
    with convo.Store(f"sqlite:///{path}", clock=clock, owner=owner) as store:
        for number in range(count):
            made.append(str(store.create(title=f"number {number}").id))
            clock.advance(1)
    return made[::-1]


def test_list_begins_with_the_newest_and_says_when_there_are_more(run: Run, path: Path) -> None:
    made = _make(path, 3)
    result = run("list", "--limit", 2)
    assert [row.split()[0] for row in result.stdout.splitlines()[1:]] == made[:2]
    assert result.stderr == "there are more than these 2; pass a higher --limit to see them\n"
    assert run("list", "--limit", 3).stderr == ""


def test_list_reads_as_many_pages_as_it_takes(run: Run, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = _make(path, 7)
    monkeypatch.setattr("convo.cli.store.PAGE", 3)
    assert [one["id"] for one in json.loads(run("list", "--json").stdout)] == made


def test_an_owner_sees_its_own_and_everyone_sees_all(run: Run, path: Path) -> None:
    [mine], [theirs] = _make(path, 1, "c-1"), _make(path, 1, "c-2")
    assert mine in run("--owner", "c-1", "list").stdout
    assert theirs not in run("--owner", "c-1", "list").stdout
    everyone = run("list", "--everyone").stdout.splitlines()
    assert {tuple(row.split()[:2]) for row in everyone[1:]} == {("c-1", mine), ("c-2", theirs)}
    assert everyone[0].startswith("OWNER")
    assert run("show", theirs).exit_code == 1
    assert "owner: c-2" in run("show", theirs, "--everyone").stdout


def test_a_store_with_nothing_for_the_owner_says_so(run: Run, path: Path) -> None:
    _make(path, 1, "c-1")
    result = run("list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "holds no conversation of the owner ''; --everyone shows those of all owners" in result.stderr
    assert json.loads(run("list", "--json").stdout) == []


def test_show_tells_a_conversation_message_by_message(run: Run, path: Path, chat_id: UUID) -> None:
    with convo.Store(f"sqlite:///{path}") as store:
        totals = store.get(chat_id).usage()
    result = run("show", chat_id)
    assert (result.exit_code, result.stderr) == (0, "")
    guess = {"estimated": totals.estimated, "error": totals.estimate_error}
    assert result.stdout == SHOWN.format(id=chat_id, cost=totals.cost, **guess, **totals.usage.to_dict())


SHOWN = """\
conversation {id}, created 2025-11-01 12:00:00 UTC, head 7
key: call-1
title: Dogs
metadata: {{"channel": "phone"}}

  1  instructions  2025-11-01 12:00:00
     Be brief.

  2  user  2025-11-01 12:00:00
     [recording, wav, 1.0 s]
     Is it a good dog?

  3  assistant  2025-11-01 12:00:00  gpt-audio-1.5
     [spoken, wav, 2.0 s, voice alloy, its id expired at 2025-11-01 13:00:00]
     Yes, a very good one.

  4  user  2025-11-01 12:00:00
     And a beagle?

  5  assistant  2025-11-01 12:00:00  gpt-audio-1.5
     [call call_1: look_up({{"breed":"beagle"}})]

  6  tool for call call_1  2025-11-01 12:00:00
     a hound

  7  assistant  2025-11-01 12:00:00  gpt-audio-1.5
     It says so here.
     On page two.

3 calls of a model; tokens: {input_tokens} in ({input_text} text + {input_audio} audio), \
{output_tokens} out ({output_text} text + {output_audio} audio)
cost: {cost}
estimated before the calls: {estimated} in, for {input_tokens} billed ({error:+.1%})
"""


def test_show_marks_what_was_interrupted_and_what_was_redacted(run: Run, path: Path, chat_id: UUID) -> None:
    with convo.Store(f"sqlite:///{path}") as store:
        chat = store.get(chat_id)
        chat.truncate(3, heard_until=0.5)
        chat.redact(4)
    shown = run("show", chat_id).stdout
    assert "  3  assistant (interrupted)  2025" in shown
    assert "its id" not in shown
    assert "  4  user (redacted)  2025-11-01 12:00:00\n     [redacted]\n" in shown
    assert [m["status"] for m in json.loads(run("show", chat_id, "--json").stdout)["messages"]][2:4] == [
        "interrupted",
        "redacted",
    ]


def test_show_can_be_kept_short(run: Run, chat_id: UUID) -> None:
    shown = run("show", chat_id, "--last", 1).stdout
    assert "On page two." in shown
    assert "a hound" not in shown
    assert "calls of a model" in shown


def test_show_as_json_leaves_nothing_out(run: Run, chat_id: UUID, fake: FakeAPI) -> None:
    shown = json.loads(run("show", chat_id, "--json").stdout)
    messages: list[dict[str, Any]] = shown["messages"]
    assert [message["position"] for message in messages] == list(range(1, 8))
    assert messages[0]["kind"] == "instructions"
    [spoken] = messages[2]["media"]
    assert spoken["id"] == next(iter(fake.audio_ids))
    assert spoken["expires_at"] == "2025-11-01T13:00:00+00:00"
    assert messages[4]["tool_calls"] == [
        {"id": "call_1", "name": "look_up", "arguments": '{"breed":"beagle"}', "type": "function"}
    ]
    assert messages[5]["raw"] == {"role": "tool", "tool_call_id": "call_1", "content": "a hound"}
    assert shown["usage"]["calls"] == 3
    billed = [received.response["usage"]["prompt_tokens"] for received in fake.received if received.response]
    assert shown["usage"]["tokens"]["input_tokens"] == shown["usage"]["estimated"]["billed"] == sum(billed)
    assert shown["usage"]["estimated"]["input_tokens"] == pytest.approx(sum(billed), rel=0.2)
    assert 0 < float(shown["usage"]["cost"]["amount"]) < 1


@pytest.mark.parametrize(("ago", "word"), [(timedelta(minutes=5), "expires"), (timedelta(hours=2), "expired")])
def test_show_says_whether_an_id_has_expired(
    run: Run, path: Path, fake: FakeAPI, clock: FixedClock, ago: timedelta, word: str
) -> None:
    clock.set(datetime.now(UTC) - ago)
    with convo.Store(f"sqlite:///{path}", clock=clock) as store, fake.client() as client:
        chat = store.create()
        reply = chat.send(client, "Say something.", model="gpt-audio-1.5", voice="alloy")
    assert reply.audio is not None
    assert reply.audio.expires_at is not None
    assert f"its id {word} at {reply.audio.expires_at:%Y-%m-%d %H:%M:%S}]" in run("show", chat.id).stdout


def test_show_counts_calls_whose_cost_is_unknown(run: Run, path: Path, fake: FakeAPI) -> None:
    with convo.Store(f"sqlite:///{path}") as store, fake.client() as client:
        chat = store.create()
        fake.will_reply("Hm.", usage={"prompt_tokens": None, "prompt_tokens_details": None})
        chat.send(client, "Hello?", model="gpt-audio-1.5", voice="alloy")
        assert "cost: unknown, without 1 call whose cost is unknown" in run("show", chat.id).stdout
        assert json.loads(run("show", chat.id, "--json").stdout)["usage"]["cost"]["amount"] is None
        assert json.loads(run("show", chat.id, "--json").stdout)["usage"]["estimated"] is None


def test_a_conversation_without_a_reply_has_no_cost(run: Run, path: Path) -> None:
    [made] = _make(path, 1)
    assert run("show", made).stdout.endswith("head 0\ntitle: number 0\n\nno calls of a model\n")


def test_the_environment_may_name_the_store(path: Path, chat_id: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from convo.cli import main

    monkeypatch.setenv("CONVO_STORE", str(path))
    assert str(chat_id) in CliRunner().invoke(main, ["list"]).stdout


@pytest.mark.parametrize("name", ["a b?c=d#e%20f&g.db", "ünï-コード.db", "-v.db", "file:odd?mode=memory"])
def test_a_path_may_be_odd(run: Run, path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    assert run("upgrade", store=path.with_name(name)).exit_code == 0
    assert {found.name for found in path.parent.iterdir()} == {name, f"{name}-gate"}
    assert run("list", store=f"./{name}").exit_code == 0


def test_a_url_is_a_store_too(run: Run, path: Path, chat_id: UUID) -> None:
    assert str(chat_id) in run("list", store=f"sqlite:///{path}").stdout


def test_show_tells_speech_that_another_model_made(run: Run, path: Path, fake: FakeAPI, clock: FixedClock) -> None:
    policy = convo.Policy(speak="missing", speech_model="tts-1")
    fake.will_reply("Yes, very good.", spoken=False)
    with convo.Store(f"sqlite:///{path}", clock=clock) as store, fake.client() as client:
        chat = store.create()
        chat.send(client, "Is it?", model="gpt-audio-1.5", voice="alloy", format="wav", policy=policy)
    assert "     [spoken by tts-1, wav, 1.2 s, voice alloy]\n     Yes, very good.\n" in run("show", chat.id).stdout
    [made] = json.loads(run("show", chat.id, "--json").stdout)["messages"][1]["media"]
    assert (made["made_by"], made["id"], made["expires_at"]) == ("tts-1", None, None)


def test_a_plot_of_an_owner_with_nothing_says_so_too(run: Run, path: Path, tmp_path: Path) -> None:
    _make(path, 1, "c-1")
    hint = "holds no conversation of the owner ''; --everyone shows those of all owners"
    result = run("plot", "activity", "-o", str(tmp_path / "activity.svg"))
    assert (result.exit_code, hint in result.stderr) == (0, True)
    assert hint not in run("plot", "activity", "--everyone", "-o", str(tmp_path / "activity.svg")).stderr

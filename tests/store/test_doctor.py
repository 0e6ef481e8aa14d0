"""The doctor finds each kind of damage and nothing else, mends what can be mended, and leaves what is healthy alone."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

import convo
from convo.steps import doctor as doctor_steps
from convo.store import tables
from convo.store.blobs import COLLECTED_AFTER
from convo.store.log import END
from tests.store.damage import ELSEWHERE, VOICE, Home, home
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database

T = tables


@pytest.fixture(scope="module")
def postgres_schema(postgres_url: str) -> str:
    """A schema of these tests alone: the doctor of everyone looks at all that is in it."""
    schema = f"convo_doctor_{os.getpid()}"
    with convo.Store(postgres_url, schema=schema) as store:
        store.upgrade()
    return schema


@pytest.fixture
def here(database: Database, clock: FixedClock, fake: FakeAPI) -> Iterator[Home]:
    """A healthy store on each database."""
    with home(database, clock, fake) as made:
        yield made


class Asked:
    """Says yes to every repair, after `before`."""

    def __init__(self, before: Callable[[], object] = int) -> None:
        self.before = before
        self.about: list[convo.Finding] = []

    def __call__(self, finding: convo.Finding) -> bool:
        self.before()
        self.about.append(finding)
        return True


# --- damage ----------------------------------------------------------------------------------------


def _message(here: Home, **where: Any) -> None:
    body = '{"role":"user","content":"x"}'
    here.insert(
        T.message, kind="message", role="user", body=body, hash=hashlib.sha256(body.encode()).digest(), status="complete",
        api="chat", text="x", created_at=here.now, pinned=False, pieces=0, **where,
    )  # fmt: skip


def _attachment(here: Home, **where: Any) -> None:
    here.insert(T.attachment, **{"part": 0, "kind": "audio", "digest": here.digest(), "size": 1, **where})


def _blob(here: Home, data: bytes = b"abc", age: int = COLLECTED_AFTER + 1) -> str:
    digest = hashlib.sha256(data).hexdigest()
    here.insert(T.blob, digest=digest, size=len(data), created_at=here.now - age)
    here.insert(T.blob_chunk, digest=digest, number=0, data=data)
    return digest


def _without_blob(here: Home) -> None:
    digest = here.digest()
    here.delete(T.blob, digest=digest)
    here.delete(T.blob_chunk, digest=digest)


def _waiting(here: Home, lease: int | None, exchange: Any = None, **more: Any) -> None:
    pending = exchange or here.exchange(**more)
    here.change(T.branch, {"id": here.line}, pending=pending, attempt=1, lease_until=lease)


def _left(here: Home) -> None:
    here.change(T.conversation, {"id": here.plain}, branch=ELSEWHERE)
    here.change(T.branch, {"id": here.line}, state="left")


def _kept(here: Home, conversation: Any = None, branch: Any = None) -> None:
    about = {"head": 0, "attempt": 0, "created_at": here.now, "state": "kept"}
    here.insert(T.branch, id=branch or uuid4(), conversation=conversation or here.chat, **about)


def _stray_segment(here: Home) -> None:
    here.insert(T.segment, branch=ELSEWHERE, first=1, last=END, source=here.branch)


def _silent(here: Home) -> None:
    here.change(T.message, {"branch": here.branch, "position": 2}, text="")


def _no_source(here: Home) -> None:
    here.change(T.segment, {"branch": here.fork, "first": 1}, source=ELSEWHERE)


def _checkpoints(here: Home) -> None:
    exchange = here.exchange(status="abandoned")
    for number in (0, 1):
        here.insert(T.checkpoint, exchange=exchange, number=number, attempt=1, saved_at=here.now)


def _changed_chunk(here: Home) -> None:
    data = bytes(
        here.get(sa.select(T.blob_chunk.c.data).where(T.blob_chunk.c.digest == here.digest(), T.blob_chunk.c.owner == here.owner))
    )
    here.change(T.blob_chunk, {"digest": here.digest()}, data=data[:-1] + bytes([data[-1] ^ 1]))


AT_ONE = {"position": 1}
MENDED: dict[str, tuple[str, Callable[[Home], object]]] = {
    "a conversation is gone": ("orphan_branch", lambda h: h.delete(T.conversation, id=h.plain)),
    "a segment without branch": ("orphan_segment", _stray_segment),
    "a message without branch": ("orphan_message", lambda h: _message(h, branch=ELSEWHERE, position=1)),
    "an exchange without branch": ("orphan_exchange", lambda h: h.exchange(branch=ELSEWHERE, status="done")),
    "memory without branch": (
        "orphan_memory",
        lambda h: h.insert(T.memory, branch=ELSEWHERE, origin="o", family="f", expired_through=0, refused_through=0, skew=0),
    ),
    "media without message": ("orphan_attachment", lambda h: _attachment(h, branch=h.line, position=99)),
    "a note without message": (
        "orphan_annotation",
        lambda h: h.insert(T.annotation, branch=h.line, position=99, name="n", value="1", changed_at=h.now),
    ),
    "a piece without bytes": ("orphan_blob_chunk", lambda h: h.insert(T.blob_chunk, digest="ab", number=0, data=b"x")),
    "a checkpoint without exchange": (
        "orphan_checkpoint",
        lambda h: h.insert(T.checkpoint, exchange=ELSEWHERE, number=0, attempt=1, saved_at=h.now),
    ),
    "words without message": ("orphan_search", lambda h: h.insert(T.search, branch=h.line, position=99)),
    "a pointer to nothing": ("branch_missing", lambda h: h.change(T.conversation, {"id": h.plain}, branch=ELSEWHERE)),
    "a pointer to another's branch": ("branch_missing", lambda h: h.change(T.conversation, {"id": h.plain}, branch=h.fork)),
    "a pointer to a branch that was left": ("branch_not_shown", lambda h: h.change(T.branch, {"id": h.line}, state="left")),
    "two branches shown": ("branch_shown_twice", lambda h: h.change(T.branch, {"id": h.fork}, state="shown")),
    "a branch kept for nothing": ("branch_unneeded", _kept),
    "no segments": ("line_closed", lambda h: h.delete(T.segment, branch=h.line)),
    "a head that stayed behind": ("head_behind", lambda h: h.change(T.branch, {"id": h.line}, head=2)),
    "instructions forgotten": ("instructions_wrong", lambda h: h.change(T.branch, {"id": h.line}, instructions=None)),
    "instructions elsewhere": ("instructions_wrong", lambda h: h.change(T.branch, {"id": h.line}, instructions=2)),
    "a lease that is over": ("exchange_expired", lambda h: _waiting(h, h.now)),
    "no lease": ("exchange_expired", lambda h: _waiting(h, None)),
    "waiting for what is not there": ("waiting_for_nothing", lambda h: _waiting(h, h.now + 9, ELSEWHERE)),
    "waiting for what is done": ("waiting_for_nothing", lambda h: _waiting(h, h.now + 9, status="done")),
    "pending, and nobody waits": ("exchange_forgotten", lambda h: h.exchange()),
    "a checkpoint of what has ended": (
        "checkpoint_left",
        _checkpoints,
    ),
    "bytes that nothing refers to": ("blob_unreferenced", _blob),
    "a wrong text": ("derived_wrong", lambda h: h.change(T.message, {"branch": h.line, "position": 2}, text="two")),
    "a text that lacks what was said": ("derived_wrong", _silent),
    "a wrong number of media": ("derived_wrong", lambda h: h.change(T.message, {"branch": h.branch, "position": 2}, pieces=0)),
}  # fmt: skip
LOST: dict[str, tuple[str, Callable[[Home], object]]] = {
    "a pointer to nothing, and nothing to show": ("branch_missing", _left),
    "rows of a branch that is not there": ("source_missing", _no_source),
    "a line that ends": ("line_closed", lambda h: h.change(T.segment, {"branch": h.line, "first": 1}, last=3)),
    "a hole": ("line_gap", lambda h: h.delete(T.message, branch=h.line, position=2)),
    "a hole at the end": ("line_gap", lambda h: h.delete(T.message, branch=h.line, position=3)),
    "nothing left": ("line_gap", lambda h: h.delete(T.message, branch=h.line)),
    "a head too far": ("line_gap", lambda h: h.change(T.branch, {"id": h.line}, head=4)),
    "positions twice": ("line_overlap", lambda h: h.change(T.segment, {"branch": h.fork, "first": 1}, last=4)),
    "bytes missing": ("blob_missing", _without_blob),
    "a piece of bytes missing": ("blob_incomplete", lambda h: h.delete(T.blob_chunk, digest=h.digest())),
    "bytes that changed": ("blob_changed", _changed_chunk),
    "a body that changed": (
        "body_changed",
        lambda h: h.change(T.message, {"branch": h.line, "position": 2}, body='{"role":"user","content":"onf"}'),
    ),
    "a hash that changed": ("body_changed", lambda h: h.change(T.message, {"branch": h.line, "position": 2}, hash=bytes(32))),
    "media that nothing is known of": ("attachment_missing", lambda h: h.delete(T.attachment, branch=h.branch, position=2)),
}  # fmt: skip


def test_a_healthy_store_has_no_findings(here: Home) -> None:
    assert here.sick() == []


@pytest.mark.parametrize("damage", [*MENDED, *LOST])
def test_each_damage_is_found_and_nothing_else(here: Home, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_steps, "CAP", 1_000_000)  # other tests have left their damage in the same schema
    kind, do = (MENDED | LOST)[damage]
    do(here)
    [finding] = here.sick()
    assert (finding.kind, finding.owner, finding.repaired) == (kind, here.owner, False)
    assert finding.repairable == (damage in MENDED)
    assert finding.where
    assert here.store.everyone().doctor().count(finding) == 1


@pytest.mark.parametrize("damage", MENDED)
def test_what_can_be_mended_is_mended_when_wanted(here: Home, damage: str) -> None:
    kind, do = MENDED[damage]
    do(here)
    assert [finding.repaired for finding in here.sick(repair=lambda _: False)] == [False]
    asked = Asked()
    found = here.sick(repair=asked)
    assert found[0].kind == kind
    assert all(finding.repaired for finding in found)
    assert [finding.kind for finding in asked.about] == [finding.kind for finding in found]
    assert here.sick() == []


@pytest.mark.parametrize("damage", LOST)
def test_nobody_is_asked_about_what_cannot_be_mended(here: Home, damage: str) -> None:
    LOST[damage][1](here)
    asked = Asked()
    [finding] = here.sick(repair=asked)
    assert (asked.about, finding.repaired) == ([], False)


@pytest.mark.parametrize("repaired", ["waiting_for_nothing", "branch_not_shown", "branch_missing", "line_closed", "head_behind"])
def test_a_mended_conversation_works(here: Home, fake: FakeAPI, repaired: str) -> None:
    next(do for kind, do in MENDED.values() if kind == repaired)(here)
    here.sick(repair=lambda _: True)
    fake.will_reply("Three.")
    with fake.client() as client:
        chat = here.store.get(here.plain)
        chat.send(client, "three", **VOICE)
    assert [message.position for message in chat.history()] == [1, 2, 3, 4, 5]
    assert [message.text for message in chat.history()] == ["Be long.", "one", "two", "three", "Three."]


@pytest.mark.parametrize(
    ("damage", "position"), [("a hole", 2), ("a hole at the end", 3), ("nothing left", 1), ("a head too far", 4)]
)
def test_a_hole_is_told_with_its_first_position(here: Home, damage: str, position: int) -> None:
    LOST[damage][1](here)
    [finding] = here.sick()
    assert (finding.conversation, finding.branch, finding.position) == (here.plain, here.line, position)


def test_without_verify_bodies_and_bytes_are_not_read(here: Home) -> None:
    LOST["a body that changed"][1](here)
    LOST["bytes that changed"][1](here)
    MENDED["a wrong text"][1](here)
    assert here.sick(verify=False) == []


def test_findings_hold_nothing_that_was_said(here: Home) -> None:
    for damage in ("a hole", "bytes missing", "a body that changed", "media without message", "a text that lacks what was said"):
        (MENDED | LOST)[damage][1](here)
    told = "".join(map(str, here.store.doctor()))
    assert not [said for said in ("Be brief", "Be long", "Is it?", "hound", "Other?", "beagle") if said in told]


# --- what is no damage -----------------------------------------------------------------------------


def test_young_bytes_are_left_to_their_writer(here: Home) -> None:
    _blob(here, age=COLLECTED_AFTER - 1)
    assert here.sick() == []


def test_bytes_of_an_answer_that_came_too_late_are_kept(here: Home) -> None:
    here.exchange(status="late", raw='{"audio":{"data":{"$blob":"' + _blob(here) + '"}}}')
    assert here.sick() == []


def test_a_branch_kept_for_its_rows_is_needed(here: Home) -> None:
    kept = uuid4()
    _kept(here, branch=kept)
    _message(here, branch=kept, position=2)
    here.change(T.segment, {"branch": here.line}, last=1)
    here.change(T.message, {"branch": here.line, "position": 2}, position=9)
    here.delete(T.message, branch=here.line, position=9)
    here.insert(T.segment, branch=here.line, first=2, last=2, source=kept)
    here.insert(T.segment, branch=here.line, first=3, last=END, source=here.line)
    assert here.sick() == []


def test_a_branch_that_others_need_is_not_deleted_with_its_conversation(here: Home) -> None:
    other = here.store.create()
    here.change(T.branch, {"id": here.branch}, conversation=ELSEWHERE)
    here.change(T.conversation, {"id": here.chat}, branch=here.fork)
    here.change(T.branch, {"id": here.fork}, state="shown")
    [finding] = here.sick(repair=lambda _: True)
    assert (finding.kind, finding.severity, finding.repairable) == ("orphan_branch", "error", False)
    assert [message.position for message in here.store.get(here.chat).history()] == [1, 2, 3, 4]
    here.store.delete(other.id)


def test_messages_that_others_show_are_not_deleted_with_their_branch(here: Home) -> None:
    here.change(T.conversation, {"id": here.chat}, branch=here.fork)
    here.change(T.branch, {"id": here.fork}, state="shown")
    for table in (T.segment, T.exchange, T.memory):
        here.delete(table, branch=here.branch)
    here.delete(T.branch, id=here.branch)
    assert [finding.kind for finding in here.sick(repair=lambda _: True)] == ["source_missing"]
    assert [message.position for message in here.store.get(here.chat).history()] == [1, 2, 3, 4]


def test_another_owners_damage_is_not_seen_and_not_mended(here: Home) -> None:
    MENDED["a head that stayed behind"][1](here)
    other = here.store.owned_by(f"{here.owner}x")
    assert [finding for finding in other.doctor(repair=lambda _: True) if finding.owner is not None] == []
    assert here.kinds() == ["head_behind"]


# --- what changes while it is asked ----------------------------------------------------------------


def test_a_worker_that_is_alive_after_all_is_not_given_up(here: Home) -> None:
    _waiting(here, here.now)
    here.sick(repair=Asked(lambda: here.change(T.branch, {"id": here.line}, lease_until=here.now + 9)))
    assert here.get(sa.select(T.branch.c.pending).where(T.branch.c.id == here.line)) is not None
    assert here.sick() == []


def test_an_exchange_that_ended_meanwhile_is_left_so(here: Home) -> None:
    exchange = here.exchange()
    _waiting(here, here.now, exchange)

    def ended(finding: convo.Finding) -> bool:
        here.change(T.branch, {"id": here.line}, pending=None, lease_until=None)
        here.change(T.exchange, {"id": exchange}, status="failed")
        return True

    assert [finding.repaired for finding in here.sick(repair=ended)] == [True]
    assert here.get(sa.select(T.exchange.c.status).where(T.exchange.c.id == exchange)) == "failed"


def test_bytes_that_were_written_again_meanwhile_are_kept(here: Home) -> None:
    digest = _blob(here)
    here.sick(repair=Asked(lambda: here.change(T.blob, {"digest": digest}, created_at=here.now)))
    assert here.get(sa.select(T.blob.c.size).where(T.blob.c.digest == digest, T.blob.c.owner == here.owner)) == 3


def test_a_body_that_was_damaged_meanwhile_is_not_derived_from(here: Home) -> None:
    MENDED["a wrong text"][1](here)
    here.sick(repair=Asked(lambda: LOST["a hash that changed"][1](here)))
    assert here.get(sa.select(T.message.c.text).where(T.message.c.branch == here.line, T.message.c.position == 2)) == "two"
    assert here.kinds() == ["body_changed"]


def test_repair_is_asked_while_no_transaction_is_open(here: Home) -> None:
    MENDED["a head that stayed behind"][1](here)
    chat = here.store.get(here.chat)
    found = here.sick(repair=lambda _: chat.add("while it is asked").position > 0)
    assert [finding.repaired for finding in found] == [True]


@pytest.mark.parametrize("answer", [None, 1, "yes"])
def test_an_answer_is_yes_or_no(here: Home, answer: Any) -> None:
    MENDED["a head that stayed behind"][1](here)
    with pytest.raises(convo.InputError):
        here.sick(repair=lambda _: answer)
    assert here.kinds() == ["head_behind"]


@pytest.mark.parametrize("name", ["repair", "progress"])
def test_what_cannot_be_called_is_refused(store: Any, name: str) -> None:
    with pytest.raises(convo.InputError):
        store.doctor(**{name: True})


# --- many ------------------------------------------------------------------------------------------


def test_many_findings_of_a_kind_are_counted_and_all_mended(here: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_steps, "CAP", 3)
    monkeypatch.setattr("convo.store.doctor.page.following.__defaults__", (2,))
    monkeypatch.setattr("convo.store.doctor.page.last_key.__defaults__", (2,))
    for number in range(7):
        _blob(here, data=bytes([number]))
    found = here.sick()
    assert [finding.kind for finding in found] == ["blob_unreferenced"] * 4
    assert "there are 4 more findings of this kind" in found[-1].message
    found = here.sick(repair=lambda finding: finding.digest != hashlib.sha256(b"\x00").hexdigest())
    assert sum(finding.repaired for finding in found) == 3
    assert all(finding.repaired for finding in here.sick(repair=lambda _: True))
    assert here.sick() == []


def test_pages_follow_each_other(here: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convo.store.doctor.page.following.__defaults__", (1,))
    monkeypatch.setattr("convo.store.doctor.page.last_key.__defaults__", (1,))
    monkeypatch.setattr("convo.store.doctor.lines.SIZE", 1)
    LOST["a hole at the end"][1](here)
    LOST["bytes that changed"][1](here)
    MENDED["a wrong text"][1](here)
    assert sorted(here.kinds()) == ["blob_changed", "derived_wrong", "line_gap"]


def test_progress_ends_where_it_said_that_it_would(here: Home) -> None:
    told: list[tuple[int, int]] = []
    here.store.doctor(progress=lambda done, total: told.append((done, total)))
    assert told[0][0] == 0
    assert told[-1][0] == told[-1][1] > 20
    assert told == sorted(told)
    assert len({total for _, total in told}) == 1


# --- both edges ------------------------------------------------------------------------------------


def test_references_are_counted(store: Any, client: Any, fake: FakeAPI, clock: FixedClock) -> None:
    chat = store.create()
    assert "references" not in [finding.kind for finding in store.doctor()]
    chat.send(client, recording(), **VOICE)
    clock.advance(1_800)
    chat.send(client, "And this?", **VOICE)
    clock.advance(1_801)
    [finding] = [finding for finding in store.doctor() if finding.kind == "references"]
    assert finding.severity == "note"
    until = chat.history()[-1].audio.expires_at
    assert finding.message.startswith(
        f"1 of 2 spoken replies can still be sent by reference, the next until {until:%Y-%m-%d %H:%M:%S} UTC"
    )


def test_an_examination_is_the_same_on_either_edge(store: Any) -> None:
    asked = Asked()
    chat = store.create()
    chat.add("one")
    found = store.doctor(repair=asked, progress=lambda done, total: None)
    assert [finding for finding in found if finding.owner is not None] == asked.about == []


def test_everyone_only_reads(store: Any) -> None:
    store.create()
    with pytest.raises(convo.ReadOnlyView):
        store.everyone().doctor(repair=lambda _: True)
    assert isinstance(store.everyone().doctor(), list)


def test_a_closed_store_says_so(store: Any) -> None:
    store.create()
    store.close()
    with pytest.raises(convo.StoreClosed):
        store.doctor()

"""Steps of a session: a conversation as one JSON text, and such a text as a conversation again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.checks import check_type
from convo.errors import AudioDropped, BlobNotFound, ConflictError, HeldTransaction, NotASession, StoreFailed, TooLarge
from convo.steps.blobs import TRIES, get, put
from convo.steps.effects import call, read, read_at_once, write
from convo.steps.log import AGAIN
from convo.store import blobs, session_files, sessions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convo.steps.effects import Steps
    from convo.steps.place import Place, Tools
    from convo.store.conversations import Found


def session(place: Place, *, audio: bool) -> Steps[str]:
    """Give a conversation as the text of a session; see `Conversation.session`."""
    check_type(audio, bool, "audio", "True or False")
    rows = yield from read_at_once(sessions.taken, place.owner, place.found.id)
    found = {}
    for digest in _digests(rows, audio=audio):
        try:
            found[digest] = yield from get(place.tools, place.owner, digest)
        except (AudioDropped, BlobNotFound):  # noqa: PERF203 - what is not there cannot go with it, and the doctor tells
            continue
    text: str = yield from call(session_files.written, (rows, found), {})
    return text


def _digests(rows: Mapping[str, list[dict[str, Any]]], *, audio: bool) -> list[str]:
    """Give the digests of the bytes that go with it: images and files always, for nothing stands for them."""
    media = [row["digest"] for row in rows["attachments"] if (audio or row["kind"] != "audio") and "dropped_at" not in row]
    late = [digest for row in rows["exchanges"] if audio for digest in blobs.referred(row.get("raw", ""))]
    return list(dict.fromkeys([*media, *late]))


def imported(tools: Tools, owner: str, text: str | bytes) -> Steps[Found]:
    """Make the conversation that a session holds; see `Store.import_session`."""
    tools.check_writable()
    check_type(text, (str, bytes), "import_session()", "the JSON text of a session")
    rows, data = yield from call(session_files.read, (text,), {})
    for row in rows["messages"]:
        if len(row["body"]) > tools.limits.item:
            raise TooLarge(f"the message {row['position']} of the session", len(row["body"]), tools.limits.item, "bytes")
    if tools.held and data and tools.blobs.first is not None:
        raise HeldTransaction("import_session()", "bytes are put into a blob store")
    late = [digest for row in rows["exchanges"] for digest in blobs.referred(row.get("raw", ""))]
    referred = {*late, *(row["digest"] for row in rows["attachments"])}
    if unknown := set(data) - referred:
        raise NotASession(f"nothing in it refers to the bytes {min(unknown)}")
    wanted: Iterable[str] = data
    for _ in range(TRIES):
        for digest in wanted:
            yield from put(tools, owner, digest, data[digest], tools.now())
        known = yield from read(_known, owner, sorted(referred))
        wanted = [digest for digest in data if digest not in known]
        if not wanted:
            rows = {**rows, "attachments": [_as_kept(row, known, tools.now()) for row in rows["attachments"]]}
            try:
                found: Found = yield from write(sessions.restored, owner, rows)
            except StoreFailed as error:
                if not error.is_duplicate:
                    raise
                continue  # another worker imports the same
            return found
    raise ConflictError(AGAIN)


def _known(connection: Any, owner: str, digests: Iterable[str]) -> set[str]:
    """Give the digests of bytes that the owner has."""
    return {digest for digest in digests if blobs.is_known(connection, owner, digest)}


def _as_kept(row: dict[str, Any], known: set[str], now: int) -> dict[str, Any]:
    """Say of audio whose bytes did not come with it that they were let go."""
    gone = row["kind"] == "audio" and row["digest"] not in known
    return {**row, "dropped_at": now} if gone and "dropped_at" not in row else row

"""Steps that make a conversation, with the messages and the bytes that it starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.content import message_drafts
from convo.errors import ConflictError
from convo.keeping import as_kept
from convo.metadata import check_title, encode_metadata
from convo.protocol import check_key
from convo.steps.blobs import TRIES, put_to_stay
from convo.steps.effects import write
from convo.steps.log import AGAIN, instructions_draft
from convo.store import making

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convo.steps.effects import Steps
    from convo.steps.place import Tools
    from convo.store.conversations import Found


def create(
    tools: Tools, owner: str, *, instructions: str | None, title: str | None, metadata: Mapping[str, Any] | None, key: str | None,
    messages: Iterable[object],
) -> Steps[Found]:  # fmt: skip
    """Make a conversation; where the key is taken, give the one that has it."""
    tools.check_writable()
    check_key(key)
    given = [*([] if instructions is None else [instructions_draft(instructions)]), *message_drafts(messages)]
    labels, name, now = encode_metadata(metadata), check_title(title), tools.now()
    drafts = [as_kept(draft, tools.keep, now) for draft in tools.limits.checked(given)]
    pieces = {piece.digest: piece.data or b"" for draft in drafts for piece in draft.media if piece.dropped is None}
    lacking: Iterable[str] = pieces
    for _ in range(TRIES):
        for digest in lacking:
            yield from put_to_stay(tools, owner, digest, pieces[digest], tools.now())
        found, lacking = yield from write(
            making.create_with, owner, tools.new_id(), tools.new_id(), tools.now(), sorted(pieces),
            key=key, title=name, metadata=labels, drafts=drafts,
        )  # fmt: skip
        if found is not None:
            return found
    raise ConflictError(AGAIN)

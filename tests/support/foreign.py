"""What tests of importers share: a store to import into, requests of what was imported, and ChatGPT's trees by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.validate import validate, validate_response

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def assembles(chat: Any, model: str = "gpt-5.5") -> list[dict[str, Any]]:
    """Assemble requests for both APIs of every branch, as the SDK types them; give the messages of the one that is shown."""
    shown = next(branch.id for branch in chat.branches() if branch.shown)
    for branch in (*chat.branches(), None):
        chat.switch(shown if branch is None else branch.id)
        request = chat.request(model)
        validate(dict(request))
        validate_response(dict(chat.request(model, api="responses")))
    return list(dict(request)["messages"])


def conversations(store: Any) -> list[Any]:
    """Give all conversations of a store, by their keys."""
    return sorted(store.conversations(limit=1_000), key=lambda chat: str(chat.key))


def healthy(store: Any) -> bool:
    """Say whether the doctor finds nothing wrong with what the owner has."""
    return not [finding for finding in store.doctor() if finding.owner is not None]


# --- ChatGPT's trees -------------------------------------------------------------------------------


def node(id_: str, parent: str | None, role: str | None = None, content: Any = None, **more: Any) -> dict[str, Any]:
    """Give a node; text is content of the type `text`, no role is a node without a message."""
    found: dict[str, Any] = {"id": id_, "parent": parent, "children": [], "message": None}
    if role is not None:
        said = content if isinstance(content, dict) else {"content_type": "text", "parts": [content]}
        author = {"role": role, "name": more.pop("name", None), "metadata": {}}
        found["message"] = {
            "id": id_, "author": author, "create_time": more.pop("time", None), "content": said, "weight": 1.0,
            "status": "finished_successfully", "end_turn": True, "recipient": more.pop("recipient", "all"),
            "metadata": more.pop("metadata", {}), **more,
        }  # fmt: skip
    return found


def tree(nodes: Iterable[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Give a conversation of these nodes; the last of them is the current one unless told otherwise."""
    mapping = {one["id"]: {**one, "children": []} for one in nodes}
    for one in mapping.values():
        if one["parent"] in mapping:
            mapping[one["parent"]]["children"].append(one["id"])
    last = next(reversed(mapping), None)
    facts = {"conversation_id": "c-1", "title": "A talk", "create_time": 1_700_000_000.25, "current_node": last}
    return {**facts, "mapping": mapping, "id": facts["conversation_id"], **more}


def exported(folder: Path, *conversations: Any, name: str = "conversations.json") -> str:
    """Write `conversations.json`, and give its path."""
    path = folder / name
    path.write_text(json.dumps(list(conversations)), encoding="utf-8")
    return str(path)


def lines(folder: Path, *values: Any, name: str = "chat.jsonl") -> str:
    """Write JSON lines; text is a line as it is. Give the path."""
    path = folder / name
    path.write_text("".join(f"{value if isinstance(value, str) else json.dumps(value)}\n" for value in values), encoding="utf-8")
    return str(path)

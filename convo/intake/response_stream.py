"""Streamed Responses, folded: event by event into what can be shown now, and in the end into one Response.

The last event holds the whole Response, and that is what it is. What is folded before is what can be shown, and what is
left where the stream was cut, or where a server leaves the output of its last event empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from convo.errors import AnswerError
from convo.intake.answer import as_dict, mapping, text_or_none
from convo.intake.fold import Fold
from convo.intake.pieces import is_json, plain
from convo.intake.response_items import CALLS, PARTS, Items, Numbers, delta_of_call, index_of, shown, texts_of, type_of
from convo.intake.responses import as_sent, failure, sent

if TYPE_CHECKING:
    from convo.events import Delta
    from convo.intake.response_items import Key

_REMEDY = "feed each event that the client gives, its dict, or the JSON text of one event"
_FRAME = ("id", "object", "created_at", "model")
_BEGINS = frozenset({"response.created", "response.queued", "response.in_progress"})
_ENDS = {"response.completed": "completed", "response.incomplete": "incomplete"}
_FAILS = frozenset({"response.failed", "response.cancelled"})
_TEXTS = {
    "response.output_text": ("output_text", "content_index", "text"),
    "response.refusal": ("refusal", "content_index", "refusal"),
    "response.reasoning_summary_text": ("summary", "summary_index", "text"),
    "response.reasoning_text": ("reasoning", "content_index", "text"),
    "response.function_call_arguments": ("function_call", "", "arguments"),
    "response.custom_tool_call_input": ("custom_tool_call", "", "input"),
}
"""By event: the kind of its text, the field with the index of the part, and the one with the whole text once it is done."""


class ResponseFold(Fold):
    """Folds the events of one streamed Response. It does no I/O: feed it from any loop, then pass it to `record`.

        fold = convo.ResponseFold()
        for event in client.responses.create(**request, stream=True):
            for delta in fold.feed(event):
                ...
        reply = call.record(fold)

    Where the stream broke, `answer()` is what arrived until then, as an incomplete Response without a reason; see `complete`.
    Connected again (`starting_after`), the same fold goes on: events that come twice count once.
    """

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._final: dict[str, Any] | None = None
        self._items = Items()
        self._numbers = Numbers()
        self._calls = 0
        self._last: dict[str, tuple[int, Key]] = {}

    def feed(self, event: object, /) -> list[Delta]:
        """Take the next event, and give what it tells: often one delta, often none.

        An event is one of the SDK, its dict, or the data of a server-sent event as text or bytes. One that has come before,
        by its sequence number, and one of a type that nobody knows yet tell nothing. The texts of several parts are parted
        by line ends: the deltas together are the text of the reply.

        Raises `AnswerError` for what is no event, for a second Response, for an error in the stream, and for a Response
        that failed (its code is `api_code`, and the Response `answer`); what was folded before stays as it is.
        """
        if isinstance(event, str | bytes) and event.strip() in ("[DONE]", b"[DONE]"):
            return []
        body = _event(event)
        number = self._numbers.of(body)
        if number is None:
            return []
        kind = body["type"]
        if kind in _BEGINS:
            self._begin(kind, body)
        elif self._final is None and kind in _ENDS:
            return self._end(_response(body), _ENDS[kind])
        elif self._final is None and kind in _FAILS:
            raise self._failed(_response(body))
        elif self._final is None:
            return self._fold(kind, body, number)
        return []

    @property
    def complete(self) -> bool:
        """Whether the last event, with the whole Response, has come. A connection that ends without it was cut."""
        return self._final is not None

    @property
    def empty(self) -> bool:
        """Whether nothing has arrived that a reply could hold: no text, and no item that is done."""
        return self._final is None and not self._output(ended=False)

    def skeleton(self) -> dict[str, Any]:
        """Give `answer()`: there is no sound in it."""
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """Give the Response as the last event told it; fields that no client knows yet are in it too.

        Where none came, it is what has arrived: the items that are done, and the text of messages that are not. Calls and
        reasoning that are not done are left out, and so is reasoning without the item that it led to.
        """
        if self._final is None:
            frame = dict.fromkeys(_FRAME) | {"object": "response"} | plain(self._head)
            return {**frame, "status": "incomplete", "incomplete_details": None, "output": self._output(ended=False)}
        ended = self._final["status"] == "completed"
        return {**plain(self._final), "output": plain(self._final.get("output") or self._output(ended=ended))}

    # --- the frame ---------------------------------------------------------------------------------

    def _begin(self, kind: str, body: Mapping[str, Any]) -> None:
        response = _response(body)
        known, new = self._head.get("id"), response.get("id")
        if kind == "response.created" and (self._final is not None or (known and new and known != new)):
            raise AnswerError("the stream holds a second response", "use one ResponseFold for each response")
        self._take_head(response)

    def _take_head(self, response: Mapping[str, Any]) -> None:
        self._head |= {key: plain(value) for key, value in response.items() if key != "output"}

    def _end(self, response: Mapping[str, Any], status: str) -> list[Delta]:
        output = response.get("output")
        items = output if isinstance(output, list) else []
        deltas = [
            delta
            for index, item in enumerate(items)
            if isinstance(item, Mapping)
            for delta in self._done(self._items.place(index, _id(item), begins=False), item)
        ]
        told = response.get("status")
        self._final = {**plain(response), "status": status if told in (None, "queued", "in_progress") else told}
        return deltas

    def _failed(self, response: Mapping[str, Any]) -> AnswerError:
        self._take_head(response)
        if response.get("status") == "cancelled":
            error = AnswerError("it was cancelled before it ended", "ask again")
        else:
            error = failure(response.get("error"))
        error.answer = plain(response)
        return error

    # --- items -------------------------------------------------------------------------------------

    def _fold(self, kind: str, body: Mapping[str, Any], number: int) -> list[Delta]:
        stem, _, step = kind.rpartition(".")
        if stem in _TEXTS and step in ("delta", "done"):
            return self._text(body, number, step, *_TEXTS[stem])
        if stem == "response.output_item" and isinstance(item := body.get("item"), Mapping):
            place = self._items.place(index_of(body, "output_index"), _id(item), begins=step == "added" or None)
            return self._done(place, item) if step == "done" else self._announced(place, item)
        if kind == "response.content_part.done" and isinstance(part := body.get("part"), Mapping):
            return self._part_done(body, part)
        return []

    def _text(self, body: Mapping[str, Any], number: int, step: str, kind: str, where: str, field: str) -> list[Delta]:
        text = body.get("delta" if step == "delta" else field)
        if not isinstance(text, str):
            return []
        place = self._place_of(body)
        key = (kind, index_of(body, where) or 0)
        written = self._items[place].text(key)
        return self._shown(place, key, written.add(number, text) if step == "delta" else written.settle(text))

    def _part_done(self, body: Mapping[str, Any], part: Mapping[str, Any]) -> list[Delta]:
        kind, index = type_of(part), index_of(body, "content_index") or 0
        if kind not in PARTS or not isinstance(text := part.get(PARTS[kind]), str):
            return []
        place = self._place_of(body)
        self._items[place].part_done(index, part)
        return self._shown(place, (kind, index), self._items[place].text((kind, index)).settle(text))

    def _announced(self, place: int, item: Mapping[str, Any]) -> list[Delta]:
        self._items[place].announce(item)
        return self._call(place, "") if type_of(item) in CALLS else []

    def _done(self, place: int, item: Mapping[str, Any]) -> list[Delta]:
        """Take a whole item, and give what is new in it: often nothing."""
        mine = self._items[place]
        mine.whole = plain(item)
        told = [(key, mine.text(key).settle(text)) for key, text in texts_of(mine.whole)]
        deltas = [delta for key, text in told for delta in self._shown(place, key, text)]
        return deltas or (self._call(place, "") if type_of(mine.whole) in CALLS else [])

    def _shown(self, place: int, key: Key, text: str) -> list[Delta]:
        kind, _ = key
        if not text:
            return []
        if kind in CALLS:
            return self._call(place, text)
        between = "\n" if self._last.get(kind, (place, key)) != (place, key) else ""
        self._last[kind] = (place, key)
        return [shown(kind, between + text)]

    def _call(self, place: int, text: str) -> list[Delta]:
        """Give the delta of a call; one that tells nothing new is none."""
        delta = delta_of_call(self._items[place], self._calls, text)
        self._calls = max(self._calls, delta.index + 1)
        return [delta] if text or delta.id or delta.name else []

    def _place_of(self, body: Mapping[str, Any]) -> int:
        return self._items.place(index_of(body, "output_index"), text_or_none(body.get("item_id")))

    def _output(self, *, ended: bool) -> list[dict[str, Any]]:
        kept: list[dict[str, Any]] = []
        for item in self._items.in_order():
            found = item.built(ended=ended)
            if found is not None:
                kept.append(plain(found))
            elif not ended:
                _drop_reasoning(kept)
        if not ended:
            _drop_reasoning(kept)
        return kept


# --- what is an event ------------------------------------------------------------------------------


def _event(event: object) -> Mapping[str, Any]:
    body = as_dict(event, _REMEDY)
    if body.get("type") == "error" or ("type" not in body and body.get("error")):
        raise failure(body["error"] if isinstance(body.get("error"), Mapping) else body)
    if body.get("object") == "response":
        raise AnswerError("it is a whole answer, no event of a stream", "record it as it is")
    if not isinstance(body.get("type"), str):
        raise AnswerError("the event has no type", _REMEDY)
    if not is_json(body):
        raise AnswerError("the event is no JSON, or nested too deeply", _REMEDY)
    return _unparsed(body) if hasattr(event, "to_dict") else body


def _unparsed(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give an event of the SDK without what its parsing adds."""
    found = {key: sent(value) if key in ("item", "part") else value for key, value in body.items()}
    if isinstance(found.get("response"), Mapping):
        found["response"] = as_sent(found["response"])
    return found


def _response(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(body.get("response"), f"the event {body['type']} holds no response", _REMEDY)


def _drop_reasoning(kept: list[dict[str, Any]]) -> None:
    """Drop reasoning at the end: the API takes it only with the item that follows it."""
    while kept and type_of(kept[-1]) == "reasoning":
        kept.pop()


def _id(item: Mapping[str, Any]) -> str | None:
    return text_or_none(item.get("id"))

"""A Realtime session by its events: what of it enters the log, in the order of its conversation, each once.

    an item is                    final when
    ----------------------------  ---------------------------------------------------------------------------------
    a user's, the application's   the API says that it is done; its transcript may follow as a correction
    the model's                   it is done and all of its speech has come, or its response is done
    a seed, deleted, or of a      at once: it does not enter the log
    response outside of the
    conversation

An item is given when it is final and all before it were given. The order is that of `previous_item_id`; an item that
nothing was heard of is not waited for. What is given is not taken back: truncations and transcripts are given as well, to
correct what is in the log, by whomever it was recorded. Texts are taken from whatever told them last and whole, so that
the order does not matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.canonical import encode, printable
from convo.intake import realtime_items as items
from convo.intake.answer import NAME_COLUMN
from convo.intake.realtime_events import OF_CLIENT, OF_SERVER, object_in, read_event
from convo.intake.realtime_input import InputBuffer
from convo.intake.realtime_outcomes import Ended, Final, Outcome
from convo.intake.realtime_state import Item, Part, Response, Session, mapping, text_in, voice_and_format
from convo.intake.seeds import seeded_position
from convo.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.intake.pieces import Text
    from convo.messages import Draft, Status


class RealtimeFold:
    """The events of a session, and what they make: `feed` each, then `close`.

    It takes the server's events as the SDK, a dict or JSON; and those of the application that tell what the server does not
    send back: the audio that it appends, commits and clears, and the items that it creates. `session` is the id of a
    session that is joined after it has begun; `model` what was asked for. A second session may follow in the same fold.
    """

    def __init__(self, *, model: str | None = None, session: str | None = None) -> None:
        self._model = model
        self._session = Session(session or "", InputBuffer(whole=False))

    @property
    def session(self) -> str | None:
        """The id of the session, None until it is known."""
        return self._session.id or None

    @property
    def newest(self) -> tuple[str, bool] | None:
        """The id of the response that began last, if it is not done, and whether anything of it has come; None without one."""
        found = next(reversed(self._session.responses.values()), None)
        return None if found is None or found.done else (found.id, bool(found.items))

    def feed(self, event: object) -> list[Outcome]:
        """Take an event and give what is final by it. Raises `AnswerError`, and nothing is taken, for one that is none.

        An event that came before does nothing; nor does one of a kind that tells nothing about the log.
        """
        body = read_event(event)
        kind = body["type"]
        if client := OF_CLIENT.get(kind):
            client(self._session, body)
            return []
        handler = OF_SERVER.get(kind)
        number = text_in(body.get("event_id"))
        if handler is None or number in self._session.events:
            return []
        ended = self._another(body) if kind == "session.created" else []
        found = handler(self._session, body)
        if number is not None:
            self._session.events.add(number)
        return [*ended, *found, *self._final()]

    def close(self) -> list[Outcome]:
        """Give what is left: what was still being said, as interrupted. Nothing is known of the session afterwards."""
        left = self._final(closing=True)
        self._session = Session(self._session.id, InputBuffer(whole=False), config=self._session.config)
        return left

    def _another(self, body: Mapping[str, Any]) -> list[Outcome]:
        """End the session that went on so far when another one begins."""
        identifier = text_in(object_in(body, "session").get("id")) or ""
        if identifier == self._session.id:
            return []
        left: list[Outcome] = []
        if self._session.id:
            left = self._final(closing=True)
            self._session = Session(identifier, InputBuffer(whole=True))
        elif not self._session.items:
            self._session.buffer.whole = True
        self._session.id = identifier
        return left

    def _final(self, *, closing: bool = False) -> list[Outcome]:
        session, found = self._session, list[Outcome]()
        for index in range(session.first, len(session.order)):
            item = session.order[index]
            if not item.given and not self._is_over(item) and not closing:
                break
            session.first = index + 1
            if not item.given and not self._is_left_out(item) and (draft := self._draft(item)) is not None:
                found.append(Final(session.id, item.id, item.response, draft, item.begun))
                item.recorded = True
            _release(item)
        found.extend(
            self._ended(response)
            for response in list(session.responses.values())
            if response.done and not response.given and all(session.items[name].given for name in response.items)
        )
        return found

    # --- what is over ---

    def _is_left_out(self, item: Item) -> bool:
        return item.gone or seeded_position(item.id) is not None or self._is_outside(item)

    def _is_outside(self, item: Item) -> bool:
        """Whether an item is of a response outside of the conversation, and the API has not shown it inside either."""
        response = self._session.responses.get(item.response or "")
        return response is not None and response.outside and not item.shown

    def _is_over(self, item: Item) -> bool:
        response = self._session.responses.get(item.response or "")
        if item.gone or seeded_position(item.id) is not None or (response is not None and response.done):
            return True
        return item.done and not self._is_outside(item) and (not item.by_model or item.is_whole())

    def _ended(self, response: Response) -> Ended:
        response.given = True
        body = response.body
        details = mapping(body.get("status_details"))
        status = text_in(body.get("status")) or "completed"
        voice, format_ = self._voice_and_format(response)
        return Ended(
            session=self._session.id, response=response.id, model=text_in(self._session.config.get("model")), status=status,
            items=tuple(name for name in response.items if self._session.items[name].recorded),
            finish_reason=text_in(details.get("reason")) or status,
            error=text_in(mapping(details.get("error")).get("code")) or text_in(mapping(details.get("error")).get("type")),
            usage=Usage.from_realtime(body.get("usage")), voice=voice, format=format_, raw=encode({**body, "output": None}),
        )  # fmt: skip

    def _voice_and_format(self, response: Response | None) -> tuple[str | None, str | None]:
        voice, format_ = (None, None) if response is None else voice_and_format(response.body)
        usual_voice, usual_format = voice_and_format(self._session.config)
        voice = voice or usual_voice
        return voice and printable(voice, NAME_COLUMN), format_ or usual_format

    # --- drafts ---

    def _draft(self, item: Item) -> Draft | None:
        """Give the draft of an item, None for one of which nothing has come."""
        body = item.body if item.body is not None else _unshown(item)
        match body.get("type"):
            case "function_call":
                return self._call(item)
            case "function_call_output":
                return items.output_of_tool(body)
            case "message" if body.get("role") in ("user", "system"):
                return items.said_by_author(_with_sent(item), item.sound, self._session.input_format, item.said)
            case "message" | None:
                return self._reply(item)
        return items.of_another_kind(body)

    def _call(self, item: Item) -> Draft | None:
        arguments = _told(mapping(item.body).get("arguments"), item.all_arguments, item.arguments) or ""
        if not item.done and not arguments:
            return None
        return items.called_by_model(self._as_it_is(item), arguments, self._status(item), self._model)

    def _reply(self, item: Item) -> Draft | None:
        contents = item.contents()
        texts, words, sound = list[str](), list[str](), b""
        for index in sorted({*contents, *item.parts}):
            shown, came = contents.get(index, {}), item.parts.get(index, Part())
            sound += came.sound.since(0)
            words += [told] if (told := _told(shown.get("transcript"), came.all_words, came.words)) is not None else []
            texts += [told] if (told := _told(shown.get("text"), came.all_text, came.text)) is not None else []
        status = self._status(item)
        if status != "complete" and not (texts or words or sound) and not item.done:
            return None
        voice, format_ = self._voice_and_format(self._session.responses.get(item.response or ""))
        transcript = "\n".join(words) if words else None
        reply = items.Reply(tuple(texts), transcript, sound, format_, voice if sound else None, item.heard)
        return items.said_by_model(self._as_it_is(item), reply, status, self._model)

    def _status(self, item: Item) -> Status:
        told = mapping(item.body).get("status") if item.done else None
        response = self._session.responses.get(item.response or "")
        if told not in ("completed", "incomplete") and response is not None and response.done:
            told = response.body.get("status")
        return "complete" if told == "completed" or (told is None and item.done) else "interrupted"

    def _as_it_is(self, item: Item) -> dict[str, Any]:
        """Give what the API has shown of an item of the model; one that was not over is marked so."""
        body = {"id": item.id, **mapping(item.body)}
        response = self._session.responses.get(item.response or "")
        over = item.done or (response is not None and response.done)
        return {**body, "status": None if over else items.UNFINISHED}


def _release(item: Item) -> None:
    """Let go of the sound of an item that was given."""
    item.given = True
    item.parts.clear()
    item.sound, item.sent = b"", None


def _told(shown: object, whole: str | None, pieces: Text) -> str | None:
    """Give a text of which the API shows the end, tells the whole, and sends pieces; None where it has none."""
    if isinstance(shown, str) and shown:
        return shown
    return whole if whole is not None else pieces.whole() or (shown if isinstance(shown, str) else None)


def _unshown(item: Item) -> Mapping[str, Any]:
    """Give what stands for an item that the API has announced and not shown: what a user says, if any of it was heard."""
    spoken = {"id": item.id, "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    return spoken if item.sound or item.said else {}


def _with_sent(item: Item) -> Mapping[str, Any]:
    """Give an item as the API has shown it, with the bytes that the application sent and the API leaves out."""
    body = item.body if item.body is not None else _unshown(item)
    sent = mapping(item.sent).get("content")
    if not isinstance(sent, list):
        return body
    contents = item.contents()
    whole = [{**mapping(part), **{k: v for k, v in contents.get(n, {}).items() if v is not None}} for n, part in enumerate(sent)]
    return {**body, "content": whole}

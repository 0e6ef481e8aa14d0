"""A test double of the OpenAI API, a clock that stands still, and ids that count: for tests without network or chance.

    from convo.testing import FakeAPI, FixedClock

    clock = FixedClock()
    fake = FakeAPI(clock=clock)
    client = fake.client()                       # a real openai.OpenAI; no socket, no key
    fake.will_reply("Yes, very good ones.")
    ...                                          # the code under test talks to `client`
    clock.advance(3600)                          # every audio id so far has expired
    fake.will_fail(429, headers={"retry-after": "1"})
    fake.will_transcribe("Is it a good dog?")    # what is heard in the next recording
    fake.will_translate("Is it a good dog?")     # and what it says in English
    fake.will_reply("42.", reasoning="Six by seven.")   # to a chat completion or to a response, whichever comes next
    fake.will_speak(b"RIFF...")                  # the bytes in which the next text is spoken, else sound of its length
    fake.will_hear("Is it a good dog?")          # what the user of a Realtime session says next
    print(fake.last.body["messages"])            # what was sent
    print(fake.sessions[-1].received)            # and in a Realtime session, over `fake.serve()`

The fake judges requests by rules of its own and shares none with the rest of `convo`. `refusal_of` is that judgement
alone, without HTTP; `refusal_of_live_items` is that on the items with which a Live session begins. Error bodies are the
API's own, word for word, where they were published; what the fake cannot do though the API might, it refuses with the
code `not_simulated`. It needs the extra `convo[testing]`.
"""

from __future__ import annotations

from convo.testing.asked import IssuedAudio, Origin
from convo.testing.clock import CountedIds, FixedClock
from convo.testing.fake import FakeAPI, Received
from convo.testing.hold import Hold
from convo.testing.live_items import refusal_of_live_items
from convo.testing.realtime_stage import RealtimeSession
from convo.testing.refusals import ApiRefusal
from convo.testing.shape import StreamShape
from convo.testing.verdict import refusal_of

__all__ = [
    "ApiRefusal",
    "CountedIds",
    "FakeAPI",
    "FixedClock",
    "Hold",
    "IssuedAudio",
    "Origin",
    "RealtimeSession",
    "Received",
    "StreamShape",
    "refusal_of",
    "refusal_of_live_items",
]

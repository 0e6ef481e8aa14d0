"""A client that answers every question at once, so that a harness meets nothing but the store."""

from __future__ import annotations

import asyncio
from typing import Any, Self

MODEL = "gpt-5.5"


def answer_to(question: str) -> str:
    """Give the only answer to a question."""
    return f"answer to {question}"


class Echo:
    """A sync client with what convo uses of one; `calls` counts the requests."""

    base_url = "https://api.openai.com/v1/"
    organization = project = None
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed

    def __init__(self) -> None:
        self.calls = 0
        self._answer: Any = None

    @property
    def chat(self) -> Any:
        """Stand for `client.chat.completions.with_raw_response`."""
        return self

    completions = with_raw_response = chat

    def create(self, **request: Any) -> Any:
        """Answer the last question."""
        self.calls += 1
        echo = Echo()
        echo._answer = _completion(request["messages"][-1]["content"])
        return echo

    def parse(self) -> Any:
        """Give the answer."""
        return self._answer


class AsyncEcho(Echo):
    """The same, awaited."""

    async def __aenter__(self) -> Self:
        """Open nothing: it is how an async client is known."""
        return self

    async def __aexit__(self, *details: object) -> None:
        """Close nothing."""

    async def create(self, **request: Any) -> Any:
        """Answer the last question, after a turn of the loop."""
        await asyncio.sleep(0)
        return Echo.create(self, **request)


def _completion(content: Any) -> dict[str, Any]:
    question = content if isinstance(content, str) else content[0]["text"]
    message = {"role": "assistant", "content": answer_to(question), "refusal": None}
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_795_000_000, "model": MODEL,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 30, "completion_tokens": 40, "total_tokens": 70},
    }  # fmt: skip

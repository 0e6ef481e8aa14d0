"""A client that answers at once, so that what is left is our own work; and what is asked and answered in benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.store.engine import Runner

if TYPE_CHECKING:
    import convo

QUESTION = "Is a golden retriever a good family dog? " * 3
SAID = "Yes, they are patient and easy to train. " * 4
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_795_000_000,
    "model": "gpt-5.5",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": SAID, "refusal": None}},
    ],
    "usage": {"prompt_tokens": 30, "completion_tokens": 40, "total_tokens": 70},
}


class Stub:
    """A client that answers at once."""

    base_url = "https://api.openai.com/v1/"
    organization = project = None
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed

    @property
    def chat(self) -> Any:
        """Stand for `client.chat.completions.with_raw_response`."""
        return self

    completions = with_raw_response = chat

    def create(self, **request: Any) -> Any:
        """Answer."""
        del request
        return self

    def parse(self) -> Any:
        """Give the answer."""
        return ANSWER


def runner_of(store: convo.Store) -> Runner:
    """Give the runner of a store."""
    runner = store._driver.runner
    assert isinstance(runner, Runner)
    return runner


def messages(count: int) -> list[dict[str, str]]:
    """Give questions and answers in turn, each a little different."""
    return [
        {"role": "assistant", "content": f"{number}: {SAID}"}
        if number % 2
        else {"role": "user", "content": f"{number}: {QUESTION}"}
        for number in range(count)
    ]

"""What a page is given: the request, the store as the owner sees it, and how to answer."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import attrs
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from convo.errors import InputError
from convo.inspector import words
from convo.inspector.safety import NONCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from convo.policy import Policy


async def ask(method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Give what a method of a store or of a conversation gives: of an async one it is awaited, a sync one works in a thread."""
    if inspect.iscoroutinefunction(method):
        return await method(*arguments, **named)
    return await run_in_threadpool(method, *arguments, **named)


@cache
def templates() -> Environment:
    """Give the templates of the package. All that is put into them is escaped."""
    loader = PackageLoader("convo.inspector")
    found = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.filters.update({name: getattr(words, name) for name in words.FILTERS})
    return found


@attrs.frozen
class Asked:
    """One request. `store` is that of the `owner`, and only reads; `policy` is what previews are made by."""

    request: Request
    store: Any
    owner: str
    title: str
    policy: Policy

    def query(self, name: str) -> str:
        """Give a value of the query, "" where there is none."""
        return self.request.query_params.get(name, "").strip()

    def link(self, path: str, **query: Any) -> str:
        """Give an address below where the application is mounted; values of None and "" are left out."""
        said = {name: value for name, value in query.items() if value not in (None, "")}
        root = quote(self.request.scope.get("root_path", "").rstrip("/"))  # it was decoded, and may hold anything
        return f"{root}/{path}{'?' if said else ''}{urlencode(said)}"

    def number(self, name: str) -> int | None:
        """Give a whole number of the query. Raises `InputError`."""
        text = self.query(name)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 19):  # noqa: PLR2004 - as many digits as 64 bits have
            reason = f"{name} is no number"
            raise InputError(reason)
        return int(text)

    def day(self, name: str, *, after: int = 0) -> datetime | None:
        """Give the begin of a day of the query in UTC, or of one so many days after it. Raises `InputError`."""
        text = self.query(name)
        if not text:
            return None
        try:
            return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=after)
        except (ValueError, OverflowError) as error:
            reason = f"{name} is no day; write it as 2026-11-30"
            raise InputError(reason) from error

    async def chat(self) -> Any:
        """Give the conversation that the address names. Raises `ConversationNotFound`."""
        return await ask(self.store.get, self.request.path_params["id"])

    def text(self, text: str) -> Response:
        """Give plain text, for our script."""
        return Response(text, media_type="text/plain")

    def see(self, path: str) -> Response:
        """Send the browser to another page of ours."""
        return Response(status_code=303, headers={"location": self.link(path)})

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Give a page."""
        html = (
            templates()
            .get_template(template)
            .render(asked=self, link=self.link, nonce=self.request.scope[NONCE], now=datetime.now(UTC), **values)
        )
        return Response(html.encode("utf-8", "backslashreplace"), status, media_type="text/html")

"""Which page shows what: requests answered, errors told, and the files of the pages."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import Response

from convo.errors import ConvoError, InputError, NotFound, StoreClosed, StoreError, UsageError
from convo.inspector.asked import Asked, templates
from convo.inspector.conversation import conversation, state
from convo.inspector.listing import conversations, newest, search
from convo.inspector.media import media
from convo.inspector.safety import NONCE
from convo.inspector.sent_now import sent
from convo.inspector.sums import doctor, usage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from convo.inspector.app import Served

PAGES: Mapping[str, Callable[[Asked], Awaitable[Response]]] = {
    "/": conversations,
    "/state": newest,
    "/search": search,
    "/usage": usage,
    "/doctor": doctor,
    "/c/{id}": conversation,
    "/c/{id}/state": state,
    "/c/{id}/sent": sent,
    "/c/{id}/media/{position}/{part}": media,
}
STATIC = {"inspector.css": "text/css", "inspector.js": "text/javascript", "icon.svg": "image/svg+xml"}


async def answered(page: Callable[[Asked], Awaitable[Response]], served: Served, request: Request) -> Response:
    """Answer a request by a page of its owner. An error of ours is told; any other is a bug, and the server's."""
    owner = await served.whose(request.scope)
    if owner is None:
        return await nothing(request)
    asked = Asked(request, served.store.owned_by(owner), owner, served.title, served.policy)
    try:
        return await page(asked)
    except ConvoError as error:
        return asked.page("error.html", status=status_of(error), error=error)


def status_of(error: ConvoError) -> int:
    """Give the status by which an error is served."""
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, StoreError | StoreClosed):
        return 503
    return 400 if isinstance(error, UsageError | InputError) else 409


async def nothing(request: Request, error: Exception | None = None) -> Response:
    """Say that there is nothing here, and not why."""
    status = getattr(error, "status_code", 404)
    html = templates().get_template("nothing.html").render(nonce=request.scope[NONCE], status=status)
    return Response(html, status, media_type="text/html")


async def static(request: Request) -> Response:
    """Give a file of the pages."""
    name = request.path_params["name"]
    if name not in STATIC:
        return await nothing(request)
    data = files("convo.inspector").joinpath("static", name).read_bytes()
    return Response(data, media_type=STATIC[name], headers={"cache-control": "private, max-age=60"})

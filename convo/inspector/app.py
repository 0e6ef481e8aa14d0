"""The ASGI application: which page answers which address, and for whom."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from convo.errors import MissingDependency
from convo.inspector.safety import Guarded
from convo.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from starlette.types import ASGIApp

    from convo.async_api.store import AsyncStore
    from convo.sync_api.store import Store

    Owner = Callable[[MutableMapping[str, Any]], Awaitable[str | None] | str | None]

_PACKAGES = ("starlette", "jinja2")


@attrs.frozen
class Served:
    """What all pages have in common. `store` is a view of all owners that only reads."""

    store: Store | AsyncStore
    owner: Owner
    title: str
    policy: Policy

    async def whose(self, scope: MutableMapping[str, Any]) -> str | None:
        """Give whose conversations a request may see, None for nobody's."""
        found = self.owner(scope)
        return await found if inspect.isawaitable(found) else found


def application(store: Store | AsyncStore, *, owner: Owner, title: str = "", policy: Policy | None = None) -> ASGIApp:
    """Give an ASGI application over a store, to be mounted under any path behind your own authentication.

    `owner` is called with the scope of each request, and gives whose conversations it shows; it may be async. Where it gives
    None there is nothing to see: 404. Who may see whose conversations is yours to decide, the inspector asks nobody.
    `title` stands in the head of each page; `policy` is yours, by which the pages say what would be sent. Nothing is written,
    created or upgraded through it, whatever is asked for, and what was stored is shown and never obeyed. The store stays yours
    to close. Raises `MissingDependency` without the extra `inspector`.
    """
    try:
        from starlette.applications import Starlette
        from starlette.routing import Route

        from convo.inspector import pages
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _PACKAGES:
            raise
        raise MissingDependency(package, "inspector", "the inspector") from error
    served = Served(store.everyone(), owner, title, policy or Policy())
    routes = [Route(path, partial(pages.answered, page, served), methods=["GET"]) for path, page in pages.PAGES.items()]
    routes.append(Route("/static/{name}", pages.static, methods=["GET"]))
    return Guarded(Starlette(routes=routes, exception_handlers={404: pages.nothing, 405: pages.nothing}))

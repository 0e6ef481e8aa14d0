"""Where an audio id is valid: base URL, organisation and project of an API, as one line of text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

_AZURE = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com", ".api.cognitive.microsoft.com")
_DEPLOYMENT = re.compile(r"(?<=/openai)/deployments/[^/]+$")
_VERSION = re.compile(r"(?<=/openai)/v1$")


def _of_resource(url: str) -> str:
    """Give the URL of the Azure resource where this one names a deployment of it, or its v1 API: both are one place."""
    if "/openai/" not in url:
        return url
    on_azure = place_of(url).partition(":")[0].endswith(_AZURE)
    return _VERSION.sub("", url) if on_azure and url.endswith("/v1") else _DEPLOYMENT.sub("", url)


def place_of(url: str) -> str:
    """Give the host of a URL with its port, in small letters and without user and password; what is no URL has none."""
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2].lower()


@attrs.frozen
class Origin:
    """The API that a client talks to. None where neither the client nor an answer has said.

    Azure clients have a URL for each deployment, and another one for the v1 API: the resource is the origin.
    """

    base_url: str = attrs.field(converter=_of_resource)
    organization: str | None = None
    project: str | None = None

    @classmethod
    def of(cls, client: Any) -> Origin:
        """Give the origin of an `openai` client, sync or async. User and password in its URL are left out."""
        parts = urlsplit(str(client.base_url))
        host = parts.netloc.rpartition("@")[2].lower()
        return cls(f"{parts.scheme}://{host}{parts.path.rstrip('/')}", client.organization, client.project)

    @classmethod
    def parse(cls, line: str) -> Origin:
        """Read what `str()` wrote; a plain URL is an origin too."""
        base_url, *named = line.split(" ")
        facts = {name: unquote(value) for name, _, value in (item.partition("=") for item in named)}
        return cls(base_url.rstrip("/"), facts.get("organization"), facts.get("project"))

    def __str__(self) -> str:
        """Give one line: the URL, then what else is known."""
        named = (("organization", self.organization), ("project", self.project))
        return " ".join([self.base_url, *(f"{name}={quote(value, safe='')}" for name, value in named if value)])

    def told(self, headers: Mapping[str, str]) -> Origin:
        """Fill in what the client left open from the headers of an answer."""
        return attrs.evolve(
            self,
            organization=self.organization or headers.get("openai-organization"),
            project=self.project or headers.get("openai-project"),
        )

    def may_be(self, other: Origin) -> bool:
        """Say whether ids of `other` may be known here: nothing that both sides know differs."""
        return (
            self.base_url == other.base_url
            and (not self.organization or not other.organization or self.organization == other.organization)
            and (not self.project or not other.project or self.project == other.project)
        )

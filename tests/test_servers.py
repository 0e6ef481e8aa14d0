"""Servers: which one a client leads to, what a caller's file adds, and what an address says of an origin."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import openai
import pytest

import convo
from convo.errors import InputError, InvalidContent
from convo.models import Catalogue
from convo.origin import Origin
from convo.servers import API, Server, packaged, server_of

if TYPE_CHECKING:
    from pathlib import Path

CATALOGUE = Catalogue.default()
RESOURCE = "https://res.openai.azure.com"


def load(folder: Path, text: str, **options: Any) -> Catalogue:
    """Load a caller's file."""
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return Catalogue.load(path, **options)


# --- which server ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (API, "openai"), ("https://api.openai.com", "openai"), ("https://eu.api.openai.com/v1", "openai"),
        ("https://API.OpenAI.com/v1/", "openai"), ("https://user:secret@api.openai.com/v1", "openai"),
        ("https://api.openai.com/v1 organization=org-1 project=proj-1", "openai"),
        (f"{RESOURCE}/openai/v1", "azure"), ("https://res.cognitiveservices.azure.com/openai/deployments/voice", "azure"),
        ("https://res.services.ai.azure.com/openai/v1", "azure"), ("https://api.groq.com/openai/v1", "groq"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "gemini"), ("http://localhost:11434/v1", "ollama"),
        ("http://127.0.0.1:1234/v1", "lmstudio"), ("https://openrouter.ai/api/v1", "openrouter"),
        ("http://127.0.0.1:8000/v1", "unknown"), ("http://localhost/v1", "unknown"), ("", "unknown"), ("[::1", "unknown"),
        ("https://api.openai.com.evil.test/v1", "unknown"), ("https://evil.test/api.openai.com/v1", "unknown"),
        ("https://evil.test/?x=@api.openai.com", "unknown"), ("https://notapi.openai.com/v1", "unknown"),
        ("https://openai.azure.com/v1", "unknown"),
    ],
)  # fmt: skip
def test_the_server_at_an_address(url: str, name: str) -> None:
    assert server_of(url).name == name
    assert CATALOGUE.server_of(url).name == name


@pytest.mark.parametrize("kind", [openai.OpenAI, openai.AsyncOpenAI])
def test_the_server_of_a_client(kind: Any) -> None:
    assert server_of(kind(api_key="k", base_url="https://eu.api.openai.com/v1/")).name == "openai"
    assert server_of(kind(api_key="k", base_url="http://10.0.0.1:8000/v1/")) == Server.unknown()


class Mine(openai.AzureOpenAI):
    """A client as applications derive them."""


@pytest.mark.parametrize("kind", [openai.AzureOpenAI, openai.AsyncAzureOpenAI, Mine])
def test_a_client_of_azure_is_one_behind_a_gateway_too(kind: Any) -> None:
    client = kind(api_key="k", api_version="2025-01-01-preview", base_url="https://gateway.test/team/openai/deployments/voice")
    assert server_of(client).name == "azure"
    assert server_of(client, {}) == Server.unknown()


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-audio-1.5", "openai"),
        ("gpt-audio-1.5-2027-02-01", "openai"),
        ("openai/gpt-5.5", "unknown"),
        ("qwen-omni", "unknown"),
    ],
)
def test_a_model_of_openai_at_an_address_that_nobody_knows_is_reached_through_a_gateway(model: str, name: str) -> None:
    assert CATALOGUE.server_of("http://gateway.test/v1", model).name == name
    assert CATALOGUE.server_of("", model).name == name


def test_the_name_of_a_model_says_nothing_where_the_server_is_known() -> None:
    assert CATALOGUE.server_of("https://api.groq.com/openai/v1", "gpt-5.5").name == "groq"


def test_a_model_that_only_the_caller_knows_is_behind_no_gateway(tmp_path: Path) -> None:
    catalogue = load(tmp_path, '[models.qwen-omni]\naudio = true\n[models.voice]\nsame_as = "gpt-audio-1.5"\n')
    assert catalogue.server_of("http://gateway.test/v1", "qwen-omni") == Server.unknown()
    assert catalogue.server_of("http://gateway.test/v1", "voice").name == "openai"


# --- what comes with convo -------------------------------------------------------------------------


@pytest.mark.parametrize("server", packaged().values(), ids=lambda server: server.name)
def test_each_description_says_where_its_facts_come_from(server: Server) -> None:
    assert server.sources
    assert server.known
    assert "chat" in server.apis
    assert not set(server.refuses) & set(server.instead)
    assert pickle.loads(pickle.dumps(server)) == server


def test_nothing_is_known_of_the_unknown() -> None:
    unknown = Server.unknown()
    assert unknown == Server(name="unknown", known=False)
    assert unknown.title == "an unknown server"


# --- what an application says ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://llm.internal/v1", "http://llm.internal/v1"), ("http://llm.internal/v1/", "http://LLM.internal/v1/"),
        ("http://llm.internal", "http://llm.internal/v1"), ("llm.internal", "https://llm.internal:8000/v1"),
        ("llm.internal:8000", "https://llm.internal:8000/v1"), ("*.internal", "http://llm.internal/v1"),
        ("[::1]:8000", "http://[::1]:8000/v1"), ("https://api.openai.com/v1", API),
    ],
)  # fmt: skip
def test_an_application_names_the_server_at_an_address(address: str, url: str) -> None:
    catalogue = CATALOGUE.with_servers({address: "vllm"})
    assert catalogue.server_of(url).name == "vllm"
    assert catalogue.server_of(url, "gpt-5.5").name == "vllm"
    assert catalogue.server_of("https://api.groq.com/openai/v1").name == "groq"
    assert CATALOGUE.server_of(url).name != "vllm"


@pytest.mark.parametrize(
    "url", ["http://llm.internal/v2", "http://llm.internal/v10", "https://llm.internal/v1", "http://llm.internal:8000/v1"]
)
def test_a_base_url_names_no_other(url: str) -> None:
    assert CATALOGUE.with_servers({"http://llm.internal/v1": "vllm"}).server_of(url) == Server.unknown()


def test_an_address_may_lead_to_a_description_of_ones_own_and_the_newest_counts() -> None:
    mine = Server(name="mine", names=False)
    catalogue = CATALOGUE.with_servers({"llm.internal": "vllm"}).with_servers({"llm.internal": mine})
    found = catalogue.server_of("http://llm.internal/v1")
    assert (found.name, found.names, found.hosts) == ("mine", False, ("llm.internal",))


@pytest.mark.parametrize("server", ["nobody", None, 5])
def test_a_server_that_nobody_knows_is_refused(server: Any) -> None:
    with pytest.raises(InvalidContent, match="is no server; pass a Server, or use one of anthropic, azure"):
        CATALOGUE.with_servers({"llm.internal": server})


@pytest.mark.parametrize("servers", ["vllm", None, {5: "vllm"}, [("llm.internal", "vllm")]])
def test_what_is_no_dict_of_addresses_is_refused(servers: Any) -> None:
    with pytest.raises(InputError, match="servers takes a"):
        CATALOGUE.with_servers(servers)


FILE = """
name = "ours"
[servers.internal]
same_as = "vllm"
hosts = ["llm.internal", "10.0.0.*:8000"]
files = true
[servers.groq]
names = true
"""


def test_a_file_adds_servers_and_replaces_single_facts(tmp_path: Path) -> None:
    catalogue = load(tmp_path, FILE)
    internal = catalogue.server_of("http://10.0.0.7:8000/v1")
    assert (internal.name, internal.files, internal.input_audio, internal.custom_tools) == (
        "internal",
        True,
        ("wav", "mp3"),
        False,
    )
    groq = catalogue.server_of("https://api.groq.com/openai/v1")
    assert (groq.names, "logprobs" in groq.refuses) == (True, True)
    assert catalogue.server_of(API).name == "openai"
    assert catalogue.lookup("gpt-audio-1.5").known


def test_a_file_may_stand_alone(tmp_path: Path) -> None:
    catalogue = load(tmp_path, '[servers.mine]\nhosts = ["llm.internal"]\n', extend=False)
    assert catalogue.server_of("http://llm.internal").name == "mine"
    assert catalogue.server_of(API, "gpt-5.5") == Server.unknown()
    assert load(tmp_path, "[models.mine]\n", extend=False).server_of(API).name == "openai"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("servers = 5", "servers is 5"),
        ("[servers]\nmine = 5", "server 'mine' is 5"),
        ("[servers.mine]\nhost = []", "server 'mine': 'host' is not known; use same_as, apis"),
        ("[servers.mine]\nnames = 'no'", "names is 'no'; write true or false"),
        ("[servers.mine]\nrefuses = 'store'", "refuses is 'store'; write a list of texts"),
        ("[servers.mine]\nrefuses = [5]", "refuses is .5.; write a list of texts"),
        ("[servers.mine]\ncall_id = -1", "call_id is -1; write a whole number"),
        ("[servers.mine]\ninstead = { a = 5 }", "instead: a is 5; write a text"),
        ("[servers.mine]\nsame_as = 5", "same_as is 5; write a text"),
        ("[servers.mine]\nsame_as = 'nobody'", "same_as = 'nobody' names no entry; use one of anthropic"),
        ("[servers.mine]\nsame_as = 'mine'", "same_as leads back to 'mine'"),
        ("[servers.a]\nsame_as = 'b'\n[servers.b]\nsame_as = 'a'", "same_as leads back to 'a'"),
        ("[models.mine]\nsame_as = 'nobody'", "same_as = 'nobody' names no entry"),
        ("[models.a]\nsame_as = 'b'\n[models.b]\nsame_as = 'a'", "same_as leads back to 'a'"),
        ("[models.mine]\nsame_as = 5", "same_as is 5; write a text"),
        ("[models.mine]\nsame_as = 'yours'\n[models.yours]\nsame_as = 'mine'", "same_as leads back"),
        ("[models.'x-2026-01-01']\nsame_as = 'x'\n[models.x]\nsame_as = 'x-2026-01-01'", "same_as leads back"),
    ],
)
def test_a_file_of_another_shape_is_refused_by_the_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidContent, match=message):
        load(tmp_path, text)


# --- deployments of Azure --------------------------------------------------------------------------


def test_a_deployment_is_the_model_that_the_application_says(tmp_path: Path) -> None:
    catalogue = load(tmp_path, '[models.voice]\nsame_as = "gpt-4o-audio-preview"\ncontext = 64_000\n')
    voice, base = catalogue.lookup("voice"), catalogue.lookup("gpt-4o-audio-preview")
    assert (voice.name, voice.family, voice.audio, voice.voices) == ("voice", base.family, True, base.voices)
    assert (voice.prices, voice.known) == (base.prices, True)
    assert (voice.context, voice.max_output) == (64_000, base.max_output)


def test_a_deployment_ends_on_no_day_of_openais(tmp_path: Path) -> None:
    catalogue = load(tmp_path, '[models.voice]\nsame_as = "gpt-4o-audio-preview"\n')
    assert catalogue.lookup("gpt-4o-audio-preview").shutdown is not None
    assert (catalogue.lookup("voice").shutdown, catalogue.lookup("voice").successor) == (None, None)


def test_a_dated_name_of_a_deployment_is_the_deployment(tmp_path: Path) -> None:
    text = '[models.voice]\nsame_as = "gpt-audio-1.5"\n[models."voice-2026-01-01"]\ncontext = 5\n'
    dated = load(tmp_path, text).lookup("voice-2026-01-01")
    assert (dated.family, dated.audio, dated.context) == ("gpt-audio-1.5", True, 5)


@pytest.mark.parametrize(
    "url",
    [
        f"{RESOURCE}/openai/", f"{RESOURCE}/openai/v1/", f"{RESOURCE}/openai/deployments/voice/",
        f"{RESOURCE}/openai/deployments/other?api-version=2025-01-01-preview", "https://RES.openai.azure.com/openai/v1",
    ],
)  # fmt: skip
def test_all_urls_of_an_azure_resource_are_one_origin(url: str) -> None:
    assert Origin.of(openai.OpenAI(api_key="k", base_url=url)) == Origin(f"{RESOURCE}/openai")
    assert Origin.parse(url.partition("?")[0].lower()).may_be(Origin(f"{RESOURCE}/openai"))


def test_the_clients_of_azure_are_at_the_origin_of_their_resource() -> None:
    options: dict[str, Any] = {"api_key": "k", "api_version": "2025-01-01-preview", "azure_endpoint": RESOURCE}
    for client in (openai.AzureOpenAI(**options), openai.AzureOpenAI(**options, azure_deployment="voice")):
        assert Origin.of(client).base_url == f"{RESOURCE}/openai"
        assert CATALOGUE.server_of(client).name == "azure"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{RESOURCE}/openai", "https://other.openai.azure.com/openai"),
        ("https://api.groq.com/openai/v1", "https://api.groq.com/openai"),
        ("https://gateway.test/a/openai/deployments/x", "https://gateway.test/b/openai/deployments/x"),
        ("https://api.openai.com/v1", "https://api.openai.com"),
    ],
)
def test_other_urls_are_other_origins(one: str, other: str) -> None:
    assert not Origin.parse(one).may_be(Origin.parse(other))


def test_deployments_behind_a_gateway_are_one_origin() -> None:
    one, other = (Origin.parse(f"https://gateway.test/team/openai/deployments/{name}") for name in ("voice", "text"))
    assert one == other
    assert str(one) == "https://gateway.test/team/openai"


def test_the_catalogue_of_the_package_describes_the_servers_that_come_with_it() -> None:
    assert convo.Catalogue.default().servers is None
    assert convo.Catalogue.default().server_of(API) is packaged()["openai"]

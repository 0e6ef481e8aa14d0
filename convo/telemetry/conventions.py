"""Every name that telemetry uses: OpenTelemetry's conventions for generative AI, and our own under `convo.`.

The conventions are in development. They moved from `semantic-conventions`, whose release 1.42.0 is the last with them, to a
repository of their own (`semantic-conventions-genai`), from which the tokens by modality are. They are changed here, and
nowhere else.
"""

from __future__ import annotations

VERSION = "1.42.0"
SCHEMA_URL = f"https://opentelemetry.io/schemas/{VERSION}"

# --- GenAI: attributes -----------------------------------------------------------------------------

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
CONVERSATION = "gen_ai.conversation.id"
OUTPUT_TYPE = "gen_ai.output.type"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 - no password
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
TOOL_DEFINITIONS = "gen_ai.tool.definitions"
API_TYPE = "openai.api.type"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
ERROR_TYPE = "error.type"

USAGE = {
    INPUT_TOKENS: "input_tokens",
    OUTPUT_TOKENS: "output_tokens",
    "gen_ai.usage.cache_read.input_tokens": "input_cached",
    "gen_ai.usage.cache_creation.input_tokens": "input_cache_write",
    "gen_ai.usage.reasoning.output_tokens": "output_reasoning",
    "gen_ai.usage.text.input_tokens": "input_text",
    "gen_ai.usage.audio.input_tokens": "input_audio",
    "gen_ai.usage.image.input_tokens": "input_image",
    "gen_ai.usage.text.output_tokens": "output_text",
    "gen_ai.usage.audio.output_tokens": "output_audio",
}
"""By attribute, the field of `convo.Usage`."""
REQUEST = {
    "gen_ai.request.temperature": ("temperature",),
    "gen_ai.request.top_p": ("top_p",),
    "gen_ai.request.frequency_penalty": ("frequency_penalty",),
    "gen_ai.request.presence_penalty": ("presence_penalty",),
    "gen_ai.request.seed": ("seed",),
    "gen_ai.request.max_tokens": ("max_completion_tokens", "max_output_tokens", "max_tokens"),
}
"""By attribute, the arguments of the request that say it: numbers."""

# --- GenAI: values ---------------------------------------------------------------------------------

CHAT = "chat"
OPERATIONS = {
    "chat": CHAT,
    "responses": CHAT,
    "realtime": CHAT,
    "summary": CHAT,
    "transcriptions": "transcription",
    "translations": "translation",
    "speech": "speech",
}
"""By `api` of an exchange. The conventions have no names for those of sound: they allow others."""
API_TYPES = {"chat": "chat_completions", "summary": "chat_completions", "responses": "responses", "realtime": "realtime"}
OUTPUTS = {"transcriptions": "text", "translations": "text", "speech": "speech"}
PROVIDERS = {
    "anthropic": "anthropic",
    "azure": "azure.ai.openai",
    "deepseek": "deepseek",
    "gemini": "gcp.gemini",
    "groq": "groq",
    "mistral": "mistral_ai",
}
"""By name of a `convo.servers.Server`; any other speaks as this one does:"""
OPENAI = "openai"

# --- GenAI: metrics --------------------------------------------------------------------------------

DURATION = "gen_ai.client.operation.duration"
TOKENS = "gen_ai.client.token.usage"
FIRST_CHUNK_DURATION = "gen_ai.client.operation.time_to_first_chunk"
SECONDS_BUCKETS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKEN_BUCKETS = tuple(4**exponent for exponent in range(14))

# --- ours ------------------------------------------------------------------------------------------

API = "convo.api"
EXCHANGE = "convo.exchange.id"
ATTEMPT = "convo.attempt"
INSTEAD_OF = "convo.instead_of"
SENT = "convo.messages."
"""Followed by how messages were sent (`Rendering.how`): their number."""
ESTIMATED_TOKENS = "convo.estimated_tokens"
COST = "convo.cost"
COST_EXACT = "convo.cost.exact"
COST_KNOWN = "convo.cost.known"
CURRENCY = "convo.currency"
PRICE_TABLE = "convo.price_table"
SPOKEN = "convo.spoken"
INTERRUPTED = "convo.interrupted"
REPLAYED = "convo.replayed"
POSITION = "convo.position"
PART = "convo.part"
RECOVERY = "convo.recovery"
"""The event of a recovery."""
RECOVERY_CODE = "convo.recovery.code"
DEGRADED = "convo.recovery.degraded"
"""How many messages went otherwise than before."""
PROBLEM = "convo.problem"
FALLBACK = "convo.fallback"
"""What was given up: `transcript`, sent for a reference or a recording; `text`, answered where speech was asked for."""

COST_UNKNOWN = "convo.cost.unknown"
ERRORS = "convo.errors"
FALLBACKS = "convo.fallbacks"
RECOVERIES = "convo.recoveries"
RECORDINGS = "convo.recordings.problems"
REPLAYS = "convo.replays"

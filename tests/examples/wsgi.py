"""The same in synchronous code: Flask in front of `convo.Store`, for gunicorn's own workers.

    convo --store postgresql://localhost/chat upgrade
    export CONVO_DATABASE_URL=postgresql://localhost/chat OPENAI_API_KEY=... CHAT_TOKENS='{"secret": "anna"}'
    gunicorn --config gunicorn_conf.py --worker-class gthread --threads 8 'wsgi:from_environment()'

A store belongs to no thread, and may be made, and used, before the workers are forked (`preload_app`): each of them notices, and
opens connections of its own. What stands behind idempotency, owners and statuses is told in `backend.py`.
"""

import json
import math
import os
from collections.abc import Mapping
from typing import Any

import openai
from flask import Blueprint, Flask, Response, abort, current_app, jsonify, request

import convo

LARGEST = 1_000_000
"""Bytes of a request."""

routes = Blueprint("chat", __name__)


def backend(store: convo.Store, client: openai.OpenAI, tokens: Mapping[str, str]) -> Flask:
    """Make the application. `tokens` says whose each bearer token is."""
    app = Flask(__name__)
    app.config.update(MAX_CONTENT_LENGTH=LARGEST, CHAT=(store, client, tokens))
    app.register_error_handler(convo.ConvoError, explained)
    app.register_blueprint(routes)
    return app


def from_environment() -> Flask:
    """Make the application of this machine."""
    return backend(convo.Store(os.environ["CONVO_DATABASE_URL"]), openai.OpenAI(), json.loads(os.environ["CHAT_TOKENS"]))


def mine() -> convo.Store:
    """Give the conversations of who asks."""
    store, _, tokens = current_app.config["CHAT"]
    owner = tokens.get(request.authorization.token if request.authorization else None)
    if owner is None:
        abort(401)
    found: convo.Store = store.owned_by(owner)
    return found


@routes.post("/conversations")
def create() -> tuple[Response, int]:
    """Make a conversation; with a key, once."""
    return jsonify(id=str(mine().create(key=request.headers.get("Idempotency-Key")).id)), 201


@routes.get("/conversations/<id_>")
def resume(id_: str) -> Response:
    """Give what a page needs to go on."""
    chat = mine().get(id_)
    return jsonify(messages=[shown(message) for message in chat.history(last=50)], awaited=bool(chat.pending()))


@routes.post("/conversations/<id_>/messages")
def send(id_: str) -> Response:
    """Answer what a user wrote; with a key, once."""
    body = request.get_json()
    said = body.get("text", "") if isinstance(body, dict) else ""
    _, client, _ = current_app.config["CHAT"]
    reply = mine().get(id_).send(client, said, model="gpt-5.5", key=request.headers.get("Idempotency-Key"))
    return jsonify({**shown(reply.message), "replayed": reply.replayed})


def shown(message: convo.Message) -> dict[str, Any]:
    """Show a message."""
    return {"position": message.position, "role": message.role, "text": message.text}


def explained(error: convo.ConvoError) -> tuple[Response, int, dict[str, str]]:
    """Answer with what went wrong, where the caller can mend it."""
    kinds = {convo.NotFound: 404, convo.TooLarge: 413, convo.ConflictError: 409, convo.InputError: 422, convo.RequestError: 422}
    status = next((status for kind, status in kinds.items() if isinstance(error, kind)), 503 if error.retryable else 500)
    headers = {"Retry-After": str(max(math.ceil(error.retry_after), 1))} if isinstance(error, convo.TurnInProgress) else {}
    return jsonify(error=error.code, message=str(error) if status < 500 else "try again later"), status, headers

"""One HTML page that needs nothing else: no script, nothing fetched, players for the audio that is in it.

A policy in the page forbids scripts, forms, frames and anything from elsewhere, should any escaping ever fail.
"""

from __future__ import annotations

import hashlib
from html import escape
from typing import TYPE_CHECKING

import pybase64

from convo.audio.formats import FORMATS
from convo.audio.wave import wav_header
from convo.documents.entry import length_of, moment

if TYPE_CHECKING:
    from convo.documents.entry import Subject
    from convo.messages import Media, Message

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}"
    "h1{font-size:1.4rem;margin-bottom:.2rem}.sub,time{color:#666;font-size:.8rem}"
    "article{border-left:4px solid #b8b8b8;padding:.1rem 0 .1rem .9rem;margin:1.1rem 0}"
    "article.user{border-color:#2563eb}article.assistant{border-color:#059669}article.tool{border-color:#d97706}"
    "h2{font-size:.95rem;margin:0}p,pre{margin:.3rem 0;white-space:pre-wrap;overflow-wrap:anywhere}"
    "pre{font-size:.85rem;background:#f4f4f4;padding:.4rem .6rem}audio{width:100%}img{max-width:100%}.note{color:#666}"
)
_HASH = pybase64.b64encode_as_string(hashlib.sha256(STYLE.encode()).digest())
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; media-src data:; form-action 'none'; base-uri 'none'"
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""Images that hold no script."""
_ROLES = ("user", "assistant", "tool")


def page(subject: Subject) -> str:
    """Give the page."""
    title = escape(subject.heading())
    articles = "\n".join(_article(subject, message) for message in subject.messages)
    return (
        '<!DOCTYPE html>\n<html lang="">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<h1 dir="auto">{title}</h1>\n<p class="sub">{moment(subject.created_at)} &middot; {subject.id}</p>\n'
        f"{articles}\n</body>\n</html>\n"
    )


def _article(subject: Subject, message: Message) -> str:
    role = message.role if message.role in _ROLES else "other"
    calls = [f"<pre>{escape(subject.shown(f'{call.name}({call.arguments})'))}</pre>" for call in message.tool_calls]
    said = [f'<p dir="auto">{escape(subject.shown(message.text))}</p>'] if message.text else []
    media = [_media(subject, piece) for piece in message.media]
    interrupted = ['<p class="note">[interrupted]</p>'] if message.status == "interrupted" else []
    body = "\n".join([*said, *calls, *media, *interrupted]) or '<p class="note">[nothing]</p>'
    head = f"<h2>{escape(subject.who(message))} <time>{moment(message.created_at)}</time></h2>"
    return f'<article class="{role}" id="m{message.position}">\n{head}\n{body}\n</article>'


def _media(subject: Subject, piece: Media) -> str:
    """Give a player or a picture where the bytes are there and safe to show; else say what it is."""
    data = subject.data.get(piece.digest)
    known = FORMATS.get(piece.format or "")
    if data is not None and piece.kind == "audio" and known is not None:
        mime = known.mime
        if piece.format == "pcm16":
            data, mime = wav_header(len(data), piece.sample_rate or 24_000, piece.channels or 1) + data, "audio/wav"
        source = f"data:{escape(mime)};base64,{pybase64.b64encode_as_string(data)}"
        return f'<audio controls preload="metadata" src="{source}"></audio>'
    if data is not None and piece.kind == "image" and piece.format in IMAGES:
        return f'<img alt="image" src="data:{piece.format};base64,{pybase64.b64encode_as_string(data)}">'
    said = f"[audio, {length_of(piece)}]" if piece.kind == "audio" else f"[{piece.kind}, {piece.size:,} bytes]"
    return f'<p class="note">{said}</p>'

"""The inspector: web pages over a store that show what the engine did and will do; they only read.

    app.mount("/conversations", convo.inspector.application(store, owner=lambda scope: user_of(scope)))

`convo inspect` serves the same on this machine alone.
"""

from convo.inspector.app import application

__all__ = ["application"]

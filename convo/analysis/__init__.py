"""Conversations as tables, for analysis: `store.tables()` gives them, see `convo.analysis.columns` for what they hold.

Pure: rows of the database become Arrow record batches here, and nothing is read. It needs the extra `analysis`.
"""

from __future__ import annotations

from convo.analysis.columns import AUDIO, CONVERSATIONS, EXCHANGES, MESSAGES, TABLES, TURNS, Column, Description

__all__ = ["AUDIO", "CONVERSATIONS", "EXCHANGES", "MESSAGES", "TABLES", "TURNS", "Column", "Description"]

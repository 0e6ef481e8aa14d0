"""Conversations as data: their tables, measures and plots. It needs the extra `analysis`, and for plots the extra `plots`.

`store.tables()` gives the tables, see `convo.analysis.columns` for what they hold, and `store.tables().measures()` the measures
of `convo.analysis.measured`. Pure: rows of the database become Arrow record batches here, and nothing is read.
"""

from __future__ import annotations

from convo.analysis.columns import AUDIO, CONVERSATIONS, EXCHANGES, MESSAGES, TABLES, TURNS, Column, Description
from convo.analysis.measured import MEASURES
from convo.analysis.measuring import measures
from convo.analysis.plots import PLOTS, Plot, plot

__all__ = [
    "AUDIO", "CONVERSATIONS", "EXCHANGES", "MEASURES", "MESSAGES", "PLOTS", "TABLES", "TURNS", "Column", "Description", "Plot",
    "measures", "plot",
]  # fmt: skip

"""Conversations as data: their tables, measures and plots. It needs the extra `analysis`, and for plots the extra `plots`.

`store.tables()` gives the tables, see `convo.analysis.columns` for what they hold, and `store.tables().measures()` the measures
of `convo.analysis.measured`. Pure: rows of the database become Arrow record batches here, and nothing is read.
"""

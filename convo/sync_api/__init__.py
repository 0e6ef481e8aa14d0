"""The sync edge: `Store`, `Conversation` and a caller's own exchange, thin over `convo.steps`."""

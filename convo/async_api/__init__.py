"""The async edge: the names of `convo.sync_api`, awaited; a test holds both to the same signatures."""

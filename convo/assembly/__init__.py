"""From a history to a request: `plan` decides, `fill` puts the bytes in. Both are pure."""

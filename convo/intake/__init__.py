"""From an API's answer to messages and usage: one file per API."""

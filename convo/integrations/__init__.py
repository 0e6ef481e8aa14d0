"""Adapters: convo's store behind the interfaces of other frameworks, one file each. Nothing is imported here."""

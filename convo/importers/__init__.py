"""Readers of what other programs have stored: one file per format, each giving conversations as trees of messages."""

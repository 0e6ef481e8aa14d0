"""Audio values: one recording or spoken reply, its format found in its bytes, never in its name.

Bytes are measured (duration, sample rate, channels) and saved, never decoded or converted.
"""

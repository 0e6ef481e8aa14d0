"""Encryption at rest: what wraps the keys (`cipher`), what seals values with them (`keyring`), and their form (`form`).

Each owner has data keys of 256 bits, made at random and stored wrapped by a key of the caller's: a file, or a KMS. Values
are sealed by AES-256-GCM with a key that is derived from a data key by HKDF-SHA256, each with a nonce of its own of 96 random
bits. Associated data say the column, the owner and the place of a value: one that stands somewhere else does not open.

A key may seal 2**32 values with random nonces (NIST SP 800-38D, 8.3): an owner with more rows than that needs a new data key
(`rotate_keys(data_keys=True)`), with which what is written from then on is sealed.

What stays in the clear: ids, keys of the application, owners, roles and kinds, times, models, token counts, costs, sizes and
lengths of audio, names of annotations and presets, and the SHA-256 of media, by which their bytes are found.
"""

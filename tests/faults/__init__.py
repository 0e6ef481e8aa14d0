"""Machines that break things: the short form of each runs in the tests, the long one by `python -m benchmarks faults`."""

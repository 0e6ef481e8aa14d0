"""What the public calls do, once for both edges: generators that yield what has to be done and get what came of it.

A sequence of steps holds no connection and no client's answer open between two of its effects; it knows nothing of
threads, event loops and engines. The sync edge performs the effects directly, the async edge awaits them.
"""

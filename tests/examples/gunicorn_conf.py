"""gunicorn for either backend: several processes on one port, each with the application that was made before the fork.

    gunicorn --config gunicorn_conf.py 'backend:from_environment()'
    gunicorn --config gunicorn_conf.py --worker-class gthread --threads 8 'wsgi:from_environment()'

A worker that dies in the midst of a turn loses nothing: the question is in the log, and the same request, with the same
`Idempotency-Key`, goes on in any other worker once the lease of the dead one has run out (30 s, as Retry-After says).
"""

import os

preload_app = True  # imported once: workers start sooner, and share what they only read
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "uvicorn_worker.UvicornWorker"
timeout = 120  # seconds: a worker of the class sync is silent while a model thinks, and would be killed for it after 30
graceful_timeout = 30  # seconds that answers on their way have to end when a worker stops

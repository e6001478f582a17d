"""What runs at a probe location: the engine inside a small Celery worker. No Django, no database."""

"""The central Celery application: beat, the default queue, and the queue `results`.

Probes run an application of their own (`checks.probe`) with one task and no Django.
"""

import os

from celery import Celery

from checks.probe import folder_queue  # noqa: F401 (takes the place of kombu's own)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("tizilim")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

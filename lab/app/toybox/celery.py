"""The Celery application: `celery -A toybox worker` and `celery -A toybox beat`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "toybox.settings")

app = Celery("toybox")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

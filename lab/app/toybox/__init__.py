"""A small Django site that stands in for TOYBOX in the lab: it keeps the same kinds of data in the same places."""

from toybox.celery import app as celery_app

__all__ = ["celery_app"]

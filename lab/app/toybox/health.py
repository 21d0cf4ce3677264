"""Whether the site can serve: asked by the container's health check, over plain HTTP and under any host name."""

from collections.abc import Callable

from celery import current_app
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _cache() -> None:
    cache.get("healthz")


def _broker() -> None:
    with current_app.connection_for_write(connect_timeout=3) as connection:
        connection.default_channel.client.ping()


def healthz(_request: HttpRequest) -> HttpResponse:
    """200 "ok" if the database and both Redis answer; else 503 and what does not."""
    problems = []
    for name, check in (("database", _database), ("cache", _cache), ("broker", _broker)):
        try:
            check()
        except Exception as error:  # whatever it is, it is the answer
            problems.append(f"{name}: {type(error).__name__}")
    if problems:
        return HttpResponse("\n".join(problems) + "\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")


def answer_health_checks(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that answers /healthz before any other asks for the Host header: the container's health check comes
    from inside, as 127.0.0.1, and ALLOWED_HOSTS names the site's own domain and nothing else."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return healthz(request) if request.path == "/healthz" else get_response(request)

    return middleware

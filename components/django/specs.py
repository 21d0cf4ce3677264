"""The containers that run TOYBOX's own image: web, worker and beat, as pure functions of what they are told and the
server's size."""

from collections.abc import Mapping

from components import postgres, redis
from components.service import SECRETS_IN_CONTAINER, HealthCheck, Spec
from components.volumes import MEDIA, STATIC

MEDIA_ROOT = "/srv/media"
STATIC_ROOT = "/srv/static"
SECRET_KEY_FILE = "django_secret_key"
SECRET_FILES = (SECRET_KEY_FILE, postgres.PASSWORD_FILE, redis.PASSWORD_FILE)
WEB_PORT = 8000


def environment(domain: str, *, database_login: str, sends_mail: bool) -> dict[str, str]:
    """What the image is told, none of it secret. Staging has copies of real people's accounts, and may write to nobody
    whatever its code or its data says."""
    return {
        "TOYBOX_MAIL": "on" if sends_mail else "off",
        "TOYBOX_DOMAIN": domain,
        "POSTGRES_HOST": postgres.NAME,
        "POSTGRES_DB": postgres.DATABASE,
        "POSTGRES_USER": database_login,
        "POSTGRES_PASSWORD_FILE": f"{SECRETS_IN_CONTAINER}/{postgres.PASSWORD_FILE}",
        "REDIS_HOST": redis.NAME,
        "REDIS_PASSWORD_FILE": f"{SECRETS_IN_CONTAINER}/{redis.PASSWORD_FILE}",
        "DJANGO_SECRET_KEY_FILE": f"{SECRETS_IN_CONTAINER}/{SECRET_KEY_FILE}",
        "MEDIA_ROOT": MEDIA_ROOT,
        "STATIC_ROOT": STATIC_ROOT,
    }


def gunicorn_workers(vcpus: int, memory: int) -> int:
    """Worker processes, each with 4 threads: one a vCPU, and no more than one a GiB of the server's memory (MiB)."""
    return max(1, min(vcpus, memory // 1024))


def celery_concurrency(vcpus: int) -> int:
    """Celery's processes: half of the vCPUs, so that a pile of thumbnails does not starve the site."""
    return max(1, vcpus // 2)


def web_spec(environment: Mapping[str, str], vcpus: int, memory: int) -> Spec:
    """Gunicorn. Its health check asks the site itself, which asks the database and Redis."""
    probe = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{WEB_PORT}/healthz', timeout=5)"
    return Spec(
        name="web",
        command=(
            *("gunicorn", "toybox.wsgi:application"),
            *("--bind", f"0.0.0.0:{WEB_PORT}"),
            *("--workers", str(gunicorn_workers(vcpus, memory))),
            *("--threads", "4"),
            # the heartbeat file on a disk can block a worker until it is killed (Gunicorn's FAQ)
            *("--worker-tmp-dir", "/dev/shm"),
            *("--graceful-timeout", "25"),
            *("--access-logfile", "-"),
        ),
        environment=environment,
        volumes={MEDIA_ROOT: (MEDIA, False), STATIC_ROOT: (STATIC, True)},
        secrets=SECRET_FILES,
        health=HealthCheck(("python", "-c", probe), start=90),
        stop_seconds=30,
    )


def worker_spec(environment: Mapping[str, str], vcpus: int) -> Spec:
    """The Celery worker. A ping over Redis notices a worker that lives and does nothing."""
    return Spec(
        name="worker",
        command=(
            *("celery", "-A", "toybox", "worker", "--loglevel", "INFO"),
            *("--concurrency", str(celery_concurrency(vcpus))),
        ),
        environment=environment,
        volumes={MEDIA_ROOT: (MEDIA, False)},
        secrets=SECRET_FILES,
        health=HealthCheck(
            (
                "sh",
                "-c",
                "celery -A toybox inspect ping -d celery@$HOSTNAME --timeout 5",
            ),
            start=120,
            interval=60,
            timeout=30,
        ),
        stop_seconds=60,
    )


def beat_spec(environment: Mapping[str, str]) -> Spec:
    """Celery beat: exactly one, or every scheduled job runs twice. It writes its schedule's file at least once a
    minute; a file older than three means that it hangs."""
    schedule = "/tmp/celerybeat-schedule"
    return Spec(
        name="beat",
        command=(
            "celery",
            "-A",
            "toybox",
            "beat",
            "--loglevel",
            "INFO",
            "--schedule",
            schedule,
            "--pidfile=",
        ),
        environment=environment,
        secrets=SECRET_FILES,
        health=HealthCheck(
            (
                "sh",
                "-c",
                f"find /tmp -path '{schedule}*' -newermt '180 seconds ago' | grep -q .",
            ),
            start=90,
        ),
        stop_seconds=30,
    )


def docker_run_options(
    spec: Spec, *, network: str, secrets: Mapping[str, str], writable: Mapping[str, str]
) -> list[str]:
    """`docker run`'s options for a one-off container like `spec`, with `writable` ({target: volume}) on top.

    `secrets` is where each secret's file is on the server.
    """
    options = ["--network", network, "--security-opt", "no-new-privileges:true"]
    for name, value in sorted(spec.environment.items()):
        options += ["--env", f"{name}={value}"]
    for target, (volume, read_only) in spec.volumes.items():
        if target not in writable:
            suffix = ",readonly" if read_only else ""
            options += [
                "--mount",
                f"type=volume,source={volume.name},target={target}{suffix}",
            ]
    for target, volume_name in writable.items():
        options += ["--mount", f"type=volume,source={volume_name},target={target}"]
    for secret in spec.secrets:
        options += [
            "--mount",
            f"type=bind,source={secrets[secret]},target={SECRETS_IN_CONTAINER}/{secret},readonly",
        ]
    return options

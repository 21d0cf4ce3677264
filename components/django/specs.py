"""The containers that run TOYBOX's own image: web, worker and beat, as pure functions of what they are told and the
server's size."""

from collections.abc import Mapping

from components import postgres, redis
from components.containers.container_spec import SECRETS_IN_CONTAINER, ContainerSpec, HealthCheck
from components.containers.memory import SHARES, memory_limit
from components.containers.mounts import tmpfs_options
from inventory.volumes import BEAT, MEDIA, STATIC

MEDIA_ROOT = "/srv/media"
STATIC_VOLUME = "/srv/static"
BEAT_FOLDER = "/srv/beat"
SECRET_KEY_FILE = "django_secret_key"
SECRET_FILES = (SECRET_KEY_FILE, postgres.PASSWORD_FILE, redis.PASSWORD_FILE)
WEB_PORT = 8000


RELEASE_DATABASE_OPTIONS = "-c lock_timeout=5s"
"""For the migrations. While a migration waits for a lock, all other queries on the table wait behind it, reads
included. After these seconds it gives up, and the old site goes on."""


def static_version(image: str) -> str:
    """Return the directory of an image's static files. Each image has its own, so visitors never see the files of an
    image that fails its trial. `image` ends with its digest."""
    return image.rpartition("@sha256:")[2][:12]


def environment(domain: str, image: str, *, database_login: str, sends_mail: bool) -> dict[str, str]:
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
        "REDIS_CACHE_HOST": redis.CACHE,
        "REDIS_PASSWORD_FILE": f"{SECRETS_IN_CONTAINER}/{redis.PASSWORD_FILE}",
        "DJANGO_SECRET_KEY_FILE": f"{SECRETS_IN_CONTAINER}/{SECRET_KEY_FILE}",
        "MEDIA_ROOT": MEDIA_ROOT,
        "STATIC_ROOT": f"{STATIC_VOLUME}/{static_version(image)}",
    }


def gunicorn_workers(vcpus: int, memory: int) -> int:
    """Worker processes, each with 4 threads: one a vCPU, and no more than one a GiB of the server's memory (MiB)."""
    return max(1, min(vcpus, memory // 1024))


def celery_concurrency(vcpus: int) -> int:
    """Celery's processes: half of the vCPUs, so that a pile of thumbnails does not starve the site."""
    return max(1, vcpus // 2)


def web_spec(environment: Mapping[str, str], vcpus: int, memory: int) -> ContainerSpec:
    """Gunicorn. Its health check asks the site itself, which asks the database and Redis."""
    limit = memory_limit("web", memory)
    workers = gunicorn_workers(vcpus, memory)
    probe = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{WEB_PORT}/healthz', timeout=5)"
    return ContainerSpec(
        name="web",
        command=(
            *("gunicorn", "toybox.wsgi:application"),
            *("--bind", f"0.0.0.0:{WEB_PORT}"),
            *("--workers", str(workers)),
            *("--threads", "4"),
            # the heartbeat file on a disk can block a worker until it is killed (Gunicorn's FAQ)
            *("--worker-tmp-dir", "/dev/shm"),
            *("--graceful-timeout", "25"),
            *("--access-logfile", "-"),
        ),
        environment=environment,
        volumes={MEDIA_ROOT: (MEDIA, False), STATIC_VOLUME: (STATIC, True)},
        secrets=SECRET_FILES,
        health=HealthCheck(("python", "-c", probe), start=90),
        stop_seconds=30,
        memory=limit,
        processes=32 + 8 * workers,
        # an upload of more than 2.5 MB lies there until it is saved (Django's FILE_UPLOAD_MAX_MEMORY_SIZE)
        temporary={"/tmp": max(limit // 4, 64)},
    )


DRILL = (1, 1024)
"""vCPUs and MiB of the server that a drill starts the web process for: one worker shows whether the image starts, and
the keeper has other work for its memory."""


def boot_facts(image: str, environment: Mapping[str, str]) -> dict[str, object]:
    """Return what starts the web process on a keeper in a drill (keeper/image_start.py). Nothing in it is secret."""
    web = web_spec(environment, *DRILL)
    return {
        "image": image,
        "command": list(web.command),
        "environment": dict(web.environment),
        "secrets": {name: f"{SECRETS_IN_CONTAINER}/{name}" for name in web.secrets},
        "temporary": dict(web.temporary),
        "sharedMemory": web.shared_memory,
        "volumes": {path: volume.name for path, (volume, _) in web.volumes.items()},
        "health": {"command": list(web.health.command), "start": web.health.start, "timeout": web.health.timeout},
    }


def worker_spec(environment: Mapping[str, str], vcpus: int, memory: int) -> ContainerSpec:
    """The Celery worker. A ping over Redis notices a worker that lives and does nothing."""
    limit = memory_limit("worker", memory)
    return ContainerSpec(
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
        memory=limit,
        processes=32 + 8 * celery_concurrency(vcpus),
        temporary={"/tmp": max(limit // 4, 64)},
    )


def beat_spec(environment: Mapping[str, str], memory: int) -> ContainerSpec:
    """Return the spec of Celery beat: exactly one, or every scheduled job runs twice. Beat writes its schedule's file
    at least once a minute; a file older than three means that it hangs. The file holds the last run of each job. If it
    were lost with the container, a daily job would wait a whole day again after each release."""
    schedule = f"{BEAT_FOLDER}/celerybeat-schedule"
    return ContainerSpec(
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
        volumes={BEAT_FOLDER: (BEAT, False)},
        secrets=SECRET_FILES,
        health=HealthCheck(
            (
                "sh",
                "-c",
                f"find {BEAT_FOLDER} -path '{schedule}*' -newermt '180 seconds ago' | grep -q .",
            ),
            start=90,
        ),
        stop_seconds=30,
        memory=memory_limit("beat", memory),
        processes=32,
    )


def release_options(web: ContainerSpec, memory: int, *, network: str, secrets: Mapping[str, str]) -> list[str]:
    """Return the options of `docker run` for the release's containers on a server with `memory` MiB: those of `web`,
    with static files that may be written.

    `secrets` maps each secret to the path of its file on the server.
    """
    limit = memory_limit("release", memory)
    options = [
        *("--network", network),
        *("--security-opt", "no-new-privileges:true"),
        *("--cap-drop", "ALL"),
        "--read-only",
        *("--memory", f"{limit}m"),
        *("--memory-swap", f"{limit}m"),
        *("--oom-score-adj", str(SHARES["release"].oom_score)),
        *("--pids-limit", str(web.processes)),
        *("--env", f"PGOPTIONS={RELEASE_DATABASE_OPTIONS}"),
    ]
    for target, size in web.temporary.items():
        options += ["--tmpfs", f"{target}:{tmpfs_options(size)}"]
    for name, value in sorted(web.environment.items()):
        options += ["--env", f"{name}={value}"]
    for target, (volume, read_only) in web.volumes.items():
        suffix = ",readonly" if read_only and volume != STATIC else ""
        options += ["--mount", f"type=volume,source={volume.name},target={target}{suffix}"]
    for secret in web.secrets:
        options += [
            "--mount",
            f"type=bind,source={secrets[secret]},target={SECRETS_IN_CONTAINER}/{secret},readonly",
        ]
    return options

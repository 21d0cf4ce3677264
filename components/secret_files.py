"""The stack's secrets as the containers read them: one file each."""

from components import caddy, postgres, redis
from components.django.specs import SECRET_KEY_FILE
from settings import Settings


def secret_files(settings: Settings) -> dict[str, str]:
    """Return {name of the file: content}."""
    secrets = settings.secrets
    files = {
        postgres.PASSWORD_FILE: secrets.postgres_password.get_secret_value(),
        redis.PASSWORD_FILE: secrets.redis_password.get_secret_value(),
        SECRET_KEY_FILE: secrets.django_secret_key.get_secret_value(),
    }
    if secrets.access_password:
        password = secrets.access_password.get_secret_value()
        files[caddy.ACCESS_FILE] = caddy.render_access(password, settings.domain)
    return files

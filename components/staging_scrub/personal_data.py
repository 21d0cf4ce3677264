"""The one list of personal and secret data in TOYBOX's database, with the treatment of each column in staging.

Every column of the database is in one of the lists. A column that is in none stops the scrub, and with it staging. So a
forgotten column of a new feature cannot carry people's data into staging. Data outside of columns stops the scrub, too,
until it is listed. The scrub skips a listed table or column that does not exist: prod may be a release behind, and the
lists name the tables of Django's usual add-ons.

The program sends this file to the server, so it needs only Python itself (3.10, Ubuntu 22.04).
"""

from __future__ import annotations

from collections.abc import Mapping

DOMAIN = "staging.invalid"
"""The domain of every address in staging. No mail can reach it (RFC 2606)."""

ADDRESS = r"[[:alnum:]._%+-]+@[[:alnum:]-]+(\.[[:alnum:]-]+)+"
"""An e-mail address, as a regular expression of PostgreSQL's."""

UNUSABLE = "'!'"
"""Django's mark of a password that nothing can match (django.contrib.auth.hashers.UNUSABLE_PASSWORD_PREFIX)."""

CHANGED: Mapping[str, Mapping[str, str]] = {
    "accounts_user": {
        "email": f"'user' || id || '@{DOMAIN}'",
        "username": "'user' || id",
        "first_name": "'User'",
        "last_name": "id::text",
        "birthday": "NULL",
        "password": UNUSABLE,
    },
    # a site that has not replaced Django's own user model
    "auth_user": {
        "email": f"'user' || id || '@{DOMAIN}'",
        "username": "'user' || id",
        "first_name": "'User'",
        "last_name": "id::text",
        "password": UNUSABLE,
    },
}
"""{table: {column: what every row has there afterwards, in SQL}}. `id` is the row's own."""

EMPTIED: Mapping[str, str] = {
    "accounts_ssotoken": "secrets of other sites' single sign-on",
    "django_session": "whoever holds prod's cookie would be logged in",
    "django_admin_log": "names of people and of what they changed",
    "authtoken_token": "Django REST framework: keys of the API",
    "social_auth_association": "python-social-auth: secrets of OpenID",
    "social_auth_code": "python-social-auth: codes sent by mail, with the addresses",
    "social_auth_nonce": "python-social-auth: one-time values",
    "social_auth_partial": "python-social-auth: half-finished logins, with the tokens",
    "social_auth_usersocialauth": "python-social-auth: access and refresh tokens",
    "account_emailconfirmation": "django-allauth: keys sent by mail",
    "account_emailaddress": "django-allauth: addresses",
    "socialaccount_socialtoken": "django-allauth: access and refresh tokens",
    "socialaccount_socialaccount": "django-allauth: what the other site tells of a person",
    "socialaccount_socialapp_sites": "django-allauth: of socialaccount_socialapp",
    "socialaccount_socialapp": "django-allauth: the site's own secret at the other site",
    "oauth2_provider_accesstoken": "django-oauth-toolkit: tokens",
    "oauth2_provider_refreshtoken": "django-oauth-toolkit: tokens",
    "oauth2_provider_idtoken": "django-oauth-toolkit: tokens",
    "oauth2_provider_grant": "django-oauth-toolkit: codes",
    "django_celery_results_taskresult": "what jobs were given, addresses included",
    "django_celery_results_groupresult": "of the same",
    "django_celery_results_chordcounter": "of the same",
}
"""{table: what it holds}. All of its rows go."""

FREE_TEXT: Mapping[str, tuple[str, ...]] = {
    "posts_post": ("body",),
    "posts_card": ("title", "text", "link"),
}
"""{table: columns} in which people write what they like: e-mail addresses in the text become one of staging's."""

KEPT: Mapping[str, tuple[str, ...]] = {
    "accounts_user": ("id", "last_login", "is_superuser", "is_staff", "is_active", "date_joined"),
    "accounts_user_groups": ("id", "user_id", "group_id"),
    "accounts_user_user_permissions": ("id", "user_id", "permission_id"),
    "auth_user": ("id", "last_login", "is_superuser", "is_staff", "is_active", "date_joined"),
    "auth_user_groups": ("id", "user_id", "group_id"),
    "auth_user_user_permissions": ("id", "user_id", "permission_id"),
    "auth_group": ("id", "name"),  # a role of the site, such as Editors
    "auth_group_permissions": ("id", "group_id", "permission_id"),
    "auth_permission": ("id", "name", "content_type_id", "codename"),
    "django_content_type": ("id", "app_label", "model"),
    "django_migrations": ("id", "app", "name", "applied"),
    "django_site": ("id", "domain", "name"),
    "posts_card": ("id", "order"),
    "posts_heartbeat": ("id", "at"),
    "posts_image": ("id", "file", "thumbnail", "post_id"),  # public on the site, as the files are
    "posts_post": ("id", "created", "author_id"),
}
"""{table: columns} that stay as they are. A column that is in none of these lists stops the scrub."""

MATERIALIZED_VIEWS: tuple[str, ...] = ()
"""The views that hold only data of their tables. The scrub fills them again from the scrubbed tables."""

LARGE_OBJECTS = ""
""""kept" or "removed": the treatment of the database's large objects, which are in no column. If it is empty, they stop
the scrub."""

DATABASES: tuple[str, ...] = ("keeper",)
"""Other databases of the same PostgreSQL that may stay as they are."""

_NO_WORDS = frozenset(
    {"smallint", "integer", "bigint", "numeric", "real", "double precision", "money", "boolean", "uuid", "bytea", "oid"}
    | {"date", "interval", "inet", "cidr", "macaddr", "macaddr8"}
    | {f"{kind} {zone} time zone" for kind in ("time", "timestamp") for zone in ("with", "without")}
)


def is_text(data_type: str) -> bool:
    """Return whether a column of this type, by PostgreSQL's name of it, can hold words. All types can but those that
    are known to hold none."""
    return data_type not in _NO_WORDS

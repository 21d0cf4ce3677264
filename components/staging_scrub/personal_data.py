"""What in TOYBOX's database is personal or secret, and what becomes of it in staging: the one list.

It travels to the server and runs there, so it needs nothing but Python itself (3.10, Ubuntu 22.04). A table or column
that is listed and not there is passed over: prod may be a release behind, and the lists name what Django's usual
add-ons would bring. A column that is there, looks personal and is not listed stops the scrub, and with it staging: a
new feature must not carry people's data into staging because nobody thought of it.
"""

from __future__ import annotations

import re
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

HARMLESS: Mapping[str, Mapping[str, str]] = {
    "auth_group": {"name": "a role of the site, such as Editors"},
    "auth_permission": {"name": "Django's own words", "codename": "Django's own words"},
    "django_migrations": {"name": "a file of the program"},
    "django_content_type": {"name": "Django's own words"},
    "django_site": {"name": "the site's own name"},
    "django_celery_beat_periodictask": {"name": "a job of the program"},
}
"""{table: {column: why it may stay}}. They look personal by their names alone."""

_PERSONAL_PARTS = (
    *("mail", "phone", "passw", "secret", "token", "credential", "birth", "surname", "username", "nickname"),
    *("firstname", "lastname", "fullname", "postcode", "zipcode", "latitude", "longitude", "useragent", "apikey"),
)
_PERSONAL_WORDS = frozenset(
    {"name", "codename", "address", "addr", "street", "city", "zip", "postal", "mobile", "fax", "tel", "dob", "gender"}
    | {"sex", "ip", "ipaddr", "ipaddress", "agent", "pwd", "pin", "otp", "salt", "hash", "key", "iban", "ssn", "cookie"}
    | {"session", "sessionid", "location", "signature", "nonce"}
)
_PERSONAL_TYPES = frozenset({"inet", "cidr", "macaddr", "macaddr8"})


def looks_personal(column: str, data_type: str) -> bool:
    """Whether a column, by its name or type, may hold what staging must not have. Numbers, dates and truth values are
    told by the long words only: `token_count` is looked at, `address_id` points to a table that is looked at."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column).lower().split("_")
    joined = "".join(words)
    if data_type in _PERSONAL_TYPES or any(part in joined for part in _PERSONAL_PARTS):
        return True
    return is_text(data_type) and bool(_PERSONAL_WORDS & set(words))


def is_text(data_type: str) -> bool:
    """Whether words can stand in a column of this type (information_schema's name of it)."""
    return data_type in {"text", "character varying", "character", "json", "jsonb", "ARRAY", "USER-DEFINED", "xml"}

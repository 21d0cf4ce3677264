"""What counts as personal, and that the list covers all that TOYBOX's own tables hold."""

import ast
from pathlib import Path

import pytest

from components.staging_scrub import HERE, personal_data, scrub

CHECKOUT = Path(__file__).resolve().parents[4]
TEXT, NUMBER = "character varying", "bigint"

TOYBOX = {
    "accounts_user": {
        "id": NUMBER,
        "password": TEXT,
        "last_login": "timestamp with time zone",
        "is_superuser": "boolean",
        "username": TEXT,
        "first_name": TEXT,
        "last_name": TEXT,
        "is_staff": "boolean",
        "is_active": "boolean",
        "date_joined": "timestamp with time zone",
        "email": TEXT,
        "birthday": "date",
    },
    "accounts_ssotoken": {"id": NUMBER, "user_id": NUMBER, "provider": TEXT, "subject": TEXT, "secret": TEXT},
    "posts_post": {"id": NUMBER, "author_id": NUMBER, "body": "text", "created": "timestamp with time zone"},
    "posts_image": {"id": NUMBER, "post_id": NUMBER, "file": TEXT, "thumbnail": TEXT},
    "posts_card": {"id": NUMBER, "title": TEXT, "text": "text", "link": TEXT, "order": "integer"},
    "django_session": {"session_key": TEXT, "session_data": "text", "expire_date": "timestamp with time zone"},
    "django_admin_log": {"id": NUMBER, "object_repr": TEXT, "change_message": "text", "user_id": NUMBER},
    "auth_permission": {"id": NUMBER, "name": TEXT, "content_type_id": NUMBER, "codename": TEXT},
    "auth_group": {"id": NUMBER, "name": TEXT},
    "django_migrations": {"id": NUMBER, "app": TEXT, "name": TEXT},
}
"""The tables as PostgreSQL has them (lab/app)."""


def test_nothing_personal_of_toybox_is_unlisted() -> None:
    assert scrub.unlisted(TOYBOX) == []


@pytest.mark.parametrize(
    ("column", "data_type"),
    [
        ("email", TEXT),
        ("contactEmail", TEXT),
        ("phone_number", TEXT),
        ("name", TEXT),
        ("shipping_address", "text"),
        ("api_key", TEXT),
        ("api_token", "uuid"),
        ("birthdate", "date"),
        ("last_ip", TEXT),
        ("seen_from", "inet"),
        ("password", TEXT),
        ("otp", TEXT),
    ],
)
def test_a_new_tables_personal_column_stops_the_scrub(column: str, data_type: str) -> None:
    """A feature that nobody thought of must not carry people's data into staging."""
    assert scrub.unlisted({"newsletter": {"id": NUMBER, column: data_type}}) == [f"newsletter.{column} ({data_type})"]


@pytest.mark.parametrize(
    ("column", "data_type"),
    [("address_id", NUMBER), ("body", "text"), ("created", "date"), ("zip", NUMBER), ("file", TEXT), ("hash", NUMBER)],
)
def test_what_cannot_be_a_persons_is_left_alone(column: str, data_type: str) -> None:
    assert not personal_data.looks_personal(column, data_type)


def test_a_new_personal_column_of_a_known_table_stops_the_scrub_too() -> None:
    schema = {**TOYBOX, "accounts_user": {**TOYBOX["accounts_user"], "phone": TEXT}}
    assert scrub.unlisted(schema) == [f"accounts_user.phone ({TEXT})"]
    assert "accounts_user.phone" in scrub.refusal(scrub.unlisted(schema))


def test_a_table_is_either_changed_or_emptied() -> None:
    assert not personal_data.CHANGED.keys() & personal_data.EMPTIED.keys()


def test_every_password_of_the_list_becomes_unusable() -> None:
    for table, columns in personal_data.CHANGED.items():
        assert columns["password"] == "'!'", table


@pytest.mark.parametrize("name", ["personal_data.py", "scrub.py"])
def test_what_runs_on_the_server_needs_python_3_10_alone(name: str) -> None:
    """ConoHa's Ubuntu 22.04 has no newer one, and nothing of ours."""
    tree = ast.parse((HERE / name).read_text(), feature_version=(3, 10))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= {
        "__future__",
        "collections.abc",
        "components.staging_scrub",
        "json",
        "os",
        "pathlib",
        "re",
        "shutil",
        "subprocess",
        "sys",
        "time",
        "typing",
    }


def test_models_of_the_stand_in_have_no_field_that_these_tests_do_not_know() -> None:
    """The tables above are written by hand; a new field of lab/app belongs there, and onto the list if need be."""
    known = {column.removesuffix("_id") for columns in TOYBOX.values() for column in columns}
    for app in ("accounts", "posts"):
        tree = ast.parse((CHECKOUT / "lab" / "app" / app / "models.py").read_text())
        for model in (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name != "Heartbeat"):
            fields = {
                target.id
                for statement in model.body
                if isinstance(statement, ast.Assign)
                for target in statement.targets
                if isinstance(target, ast.Name)
            }
            assert fields <= known, model.name

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
    "django_migrations": {"id": NUMBER, "app": TEXT, "name": TEXT, "applied": "timestamp with time zone"},
    "accounts_user_groups": {"id": NUMBER, "user_id": NUMBER, "group_id": "integer"},
    "accounts_user_user_permissions": {"id": NUMBER, "user_id": NUMBER, "permission_id": "integer"},
    "auth_group_permissions": {"id": NUMBER, "group_id": "integer", "permission_id": "integer"},
    "django_content_type": {"id": "integer", "app_label": TEXT, "model": TEXT},
    "posts_heartbeat": {"id": NUMBER, "at": "timestamp with time zone"},
}
"""The tables as PostgreSQL has them (lab/app)."""


def test_every_column_of_toybox_is_listed() -> None:
    assert scrub.unlisted(TOYBOX) == {}


@pytest.mark.parametrize("column", ["email", "phone_number", "body", "created", "address_id", "zip", "colour", "x"])
def test_a_new_column_stops_the_scrub_whatever_it_is_called(column: str) -> None:
    """A feature that nobody thought of must not carry people's data into staging; no list of words knows them all."""
    schema = {
        **TOYBOX,
        "accounts_user": {**TOYBOX["accounts_user"], column + "2": TEXT},
        "newsletter": {column: NUMBER},
    }
    assert scrub.unlisted(schema) == {"accounts_user": {column + "2": TEXT}, "newsletter": {column: NUMBER}}


def test_the_error_has_every_unlisted_column_and_the_lines_to_add() -> None:
    schema = {"newsletter": {"id": NUMBER, "phone": TEXT}, "posts_post": {**TOYBOX["posts_post"], "place": TEXT}}
    said = scrub.refusal(scrub.unlisted(schema), [])
    for column in (f"newsletter.id ({NUMBER})", f"newsletter.phone ({TEXT})", f"posts_post.place ({TEXT})"):
        assert column in said
    assert "components/staging_scrub/personal_data.py" in said
    added = ast.literal_eval("{" + "".join(line for line in said.splitlines() if line.endswith(",),")) + "}")
    assert added == {"newsletter": ("id", "phone"), "posts_post": ("place",)}
    assert '"newsletter": "what it holds",' in said
    assert max(map(len, said.splitlines())) <= 120


@pytest.mark.parametrize(
    ("kind", "name", "way_out"),
    [
        (scrub.MATERIALIZED_VIEW, "readers", "MATERIALIZED_VIEWS"),
        (scrub.FOREIGN_TABLE, "partners", "drop it in production"),
        (scrub.LARGE_OBJECTS, "", "LARGE_OBJECTS"),
        (scrub.DATABASE, "wiki", "DATABASES"),
    ],
)
def test_what_holds_data_outside_of_columns_stops_the_scrub(kind: str, name: str, way_out: str) -> None:
    found = scrub.unlisted_others([(kind, name)])
    said = scrub.refusal({}, found)
    assert f"{kind} {name}".strip() in said
    assert way_out in said


def test_what_is_listed_of_it_is_made_from_the_scrubbed_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(personal_data, "MATERIALIZED_VIEWS", ("readers",))
    monkeypatch.setattr(personal_data, "LARGE_OBJECTS", "removed")
    monkeypatch.setattr(personal_data, "DATABASES", ("wiki",))
    others = [(scrub.DATABASE, "wiki"), (scrub.LARGE_OBJECTS, ""), (scrub.MATERIALIZED_VIEW, "readers")]
    assert scrub.unlisted_others(others) == []
    refreshed, removed = scrub.statements_for_others(others)
    assert refreshed == 'REFRESH MATERIALIZED VIEW "readers";'
    assert "lo_unlink" in removed


def test_a_table_is_either_changed_or_emptied() -> None:
    assert not (personal_data.CHANGED.keys() | personal_data.KEPT.keys()) & personal_data.EMPTIED.keys()


def test_a_column_is_in_one_list_only() -> None:
    for table, kept in personal_data.KEPT.items():
        others = {*personal_data.CHANGED.get(table, {}), *personal_data.FREE_TEXT.get(table, ())}
        assert not others & set(kept), table


@pytest.mark.parametrize(
    "kind", ["text", "character varying", "jsonb", "text[]", "citext", "an_enum", "xml", "tsvector"]
)
def test_words_can_stand_in_every_type_that_is_not_known_to_have_none(kind: str) -> None:
    assert personal_data.is_text(kind)
    assert not personal_data.is_text("timestamp with time zone")


def test_every_password_of_the_list_becomes_unusable() -> None:
    for table, columns in personal_data.CHANGED.items():
        assert columns["password"] == "'!'", table


@pytest.mark.parametrize("name", ["personal_data.py", "scrub.py", "../data_disk.py"])
def test_what_runs_on_the_server_needs_python_3_10_alone(name: str) -> None:
    """ConoHa's Ubuntu 22.04 has no newer one, and nothing of ours."""
    tree = ast.parse((HERE / name).read_text(), feature_version=(3, 10))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= {
        "__future__",
        "base64",
        "collections.abc",
        "components.data_disk",
        "components.staging_scrub",
        "dataclasses",
        "hashlib",
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

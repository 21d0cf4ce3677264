"""What the application may do in the database: everything with its own tables, and nothing with the server."""

import shlex

from components import postgres
from tests.lab.toybox import Toybox

MADE_BEFORE = """
CREATE TYPE mood AS ENUM ('glad');
CREATE TABLE post (id serial, number int GENERATED ALWAYS AS IDENTITY, mood mood);
INSERT INTO post (mood) VALUES ('glad');
CREATE VIEW shown AS SELECT * FROM post;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM post;
CREATE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42';
CREATE EXTENSION pg_trgm;
CREATE SCHEMA archive; CREATE TABLE archive.post (id int);
SELECT lo_create(4711);
"""
NOT_OURS = """
SELECT relname FROM pg_class WHERE oid >= 16384 AND relowner <> 'toybox'::regrole AND relnamespace <> 99
UNION ALL SELECT proname FROM pg_proc WHERE oid >= 16384 AND proowner <> 'toybox'::regrole AND NOT EXISTS
    (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
UNION ALL SELECT nspname FROM pg_namespace WHERE oid >= 16384 AND nspowner <> 'toybox'::regrole
UNION ALL SELECT oid::text FROM pg_largeobject_metadata WHERE lomowner <> 'toybox'::regrole
"""


def query(prod: Toybox, statement: str) -> str:
    """What the site's own connection answers, or its error."""
    script = f"from django.db import connection as c; k = c.cursor(); k.execute({statement!r}); print(k.fetchall())"
    return prod.ssh(f"docker exec web python manage.py shell -c {shlex.quote(script)} 2>&1", check=False)


def test_the_application_owns_its_database_and_is_no_superuser(prod: Toybox) -> None:
    """As a superuser, an SQL injection is a shell: COPY ... TO PROGRAM."""
    assert "('toybox', False)" in query(prod, "SELECT current_user, usesuper FROM pg_user WHERE usename = session_user")
    owner = "SELECT datdba::regrole::text FROM pg_database WHERE datname = 'toybox'"
    assert "('toybox',)" in query(prod, owner)
    for statement in (
        "COPY (SELECT 1) TO PROGRAM 'id'",
        "SELECT pg_read_file('/etc/passwd')",
        "ALTER ROLE toybox SUPERUSER",
        "RESET ROLE; CREATE ROLE second SUPERUSER LOGIN",
    ):
        said = query(prod, statement)
        assert "permission denied" in said or "must be superuser" in said, said


def test_an_older_cluster_is_changed_over_with_all_that_is_in_it(prod: Toybox) -> None:
    """There the application's role was the first superuser. What runs meanwhile goes on with the password it has."""

    def psql(user: str, statement: str, *, check: bool = True) -> str:
        return prod.ssh(f"docker exec -i older psql -XAtq -v ON_ERROR_STOP=1 -U {user} toybox", statement, check=check)

    def hand_over() -> None:
        prod.ssh(postgres.HAND_OVER.replace(" postgres sh ", " older sh "), postgres.HAND_OVER_SQL.read_text())

    image = "$(docker inspect --format '{{.Image}}' postgres)"
    environment = "--env POSTGRES_USER=toybox --env POSTGRES_PASSWORD=former"
    prod.ssh(f"docker run --detach --rm --name older {environment} {image}")
    try:
        prod.ssh(
            "for i in $(seq 100); do docker exec older pg_isready -q -h 127.0.0.1 && break; sleep 0.2; done;"
            " docker exec older pg_isready"
        )
        psql("toybox", MADE_BEFORE)
        hand_over()
        assert psql("postgres", NOT_OURS) == ""
        superusers = "SELECT rolname FROM pg_roles WHERE rolsuper ORDER BY rolname"
        assert psql("postgres", superusers).split() == ["postgres", "toybox_hand_over"]
        assert psql("postgres", "SELECT count(*) FROM pg_authid WHERE rolsuper AND rolpassword IS NOT NULL") == "0\n"
        log_in = "PGPASSWORD=former psql -XAtq -h $(hostname -i) -U toybox toybox -c 'SELECT count(*) FROM post'"
        assert prod.ssh(f"docker exec older sh -c {shlex.quote(log_in)}") == "1\n"
        assert "permission denied" in psql("toybox", "CREATE ROLE other", check=False)
        psql("toybox", "ALTER TABLE post ADD body text; DROP MATERIALIZED VIEW counted; DROP SCHEMA archive CASCADE;")
        hand_over()
        psql("postgres", postgres.add_login_sql("the present password"))
        assert psql("postgres", superusers) == "postgres\n"
    finally:
        prod.ssh("docker rm --force --volumes older", check=False)

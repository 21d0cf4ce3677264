"""What the scrub decides: when it is due, what it changes, and what it finds wrong afterwards."""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from components.data_disk import DataDisk
from components.staging_scrub import INSTALL_AND_RUN, ON_SERVER, rules_version, scrub, scrub_bundle
from tests.unit.components.staging_scrub.test_personal_data import TOYBOX
from tests.unit.components.test_data_disk import PRODS, disk

RECORD: dict[str, Any] = {"volume": "new", "rules": "now", "blank": False}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(None, True, id="never"),
        pytest.param(RECORD, False, id="this volume by this list"),
        pytest.param({**RECORD, "volume": "old"}, True, id="another volume, of which this one is a copy"),
        pytest.param({**RECORD, "rules": "before"}, True, id="by a list that did not know all"),
        pytest.param(
            {**RECORD, "rules": "before", "blank": True}, False, id="empty at first: it never held prod's data"
        ),
    ],
)
def test_a_volume_is_scrubbed_once_by_each_list(record: dict[str, Any] | None, expected: bool) -> None:
    assert scrub.due(record, "new", "now") is expected


def test_every_statement_is_about_tables_and_columns_that_are_there() -> None:
    """Prod may be a release behind the list."""
    old = {"accounts_user": {"id": "bigint", "email": "text"}, "posts_post": {"id": "bigint"}}
    sql = "\n".join(scrub.statements(old, "toybox"))
    assert '"accounts_user"' in sql
    assert "birthday" not in sql
    assert "posts_post" not in sql
    assert "TRUNCATE" not in sql


def test_addresses_become_stagings_own_by_the_users_number() -> None:
    sql = scrub.statements(TOYBOX, "toybox")
    (final,) = [each for each in sql if each.startswith('UPDATE "accounts_user"') and "staging.invalid" in each]
    assert """"email" = 'user' || id || '@staging.invalid'""" in final
    assert """"password" = '!'""" in final


def test_unique_columns_pass_through_values_that_nobody_can_have_chosen() -> None:
    """User 7 may be called user8: PostgreSQL checks every single row, and the update would fail."""
    updates = [each for each in scrub.statements(TOYBOX, "toybox") if each.startswith('UPDATE "accounts_user"')]
    assert len(updates) == 2
    assert '"username" = left(md5(random()::text || id), 20)' in updates[0]
    assert '"email" = left(md5(random()::text || id), 20)' in updates[0]


def test_all_emptied_tables_go_in_one_statement() -> None:
    """They may point to each other."""
    (truncate,) = [each for each in scrub.statements(TOYBOX, "toybox") if each.startswith("TRUNCATE")]
    assert truncate == 'TRUNCATE "accounts_ssotoken", "django_session", "django_admin_log";'


def test_no_other_role_of_the_database_keeps_its_password() -> None:
    assert any("rolname <> 'toybox'" in each and "PASSWORD NULL" in each for each in scrub.statements(TOYBOX, "toybox"))


def test_every_column_in_which_words_can_stand_is_searched_for_addresses() -> None:
    query = scrub.addresses_query(TOYBOX)
    for place in ("accounts_user.email", "posts_post.body", "posts_image.file", "auth_group.name"):
        assert f"'{place}'" in query
    assert "'posts_post.id'" not in query
    assert scrub.addresses_query({}) == ""


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("posts_post", '"posts_post"'),
        ("audit.log", '"audit"."log"'),
        ('x"; DROP TABLE y; --', '"x""; DROP TABLE y; --"'),
    ],
)
def test_names_of_tables_cannot_be_read_as_sql(name: str, quoted: str) -> None:
    assert scrub.name_of_table(name) == quoted


def test_lost_rows_are_found_and_emptied_tables_must_be_empty() -> None:
    before = {"posts_post": 500, "django_session": 9, "accounts_user": 50}
    assert (
        scrub.missing_rows(before, {"posts_post": 500, "django_session": 0, "accounts_user": 50}, ["django_session"])
        == []
    )
    wrong = scrub.missing_rows(
        before, {"posts_post": 499, "django_session": 1, "accounts_user": 50}, ["django_session"]
    )
    assert wrong == ["posts_post: 499 rows, should be 500", "django_session: 1 rows, should be 0"]


def test_the_bundle_is_a_package_that_runs_by_itself(tmp_path: Path) -> None:
    """On the server there is no Pulumi, and the package's own __init__ would ask for it."""
    for name, file in scrub_bundle(disk(), "toybox_1").items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)
    done = subprocess.run(
        [
            "python3",
            "-I",
            "-c",
            "import sys; sys.path.insert(0, '.'); import components.staging_scrub.scrub as s; print(s.RECORD)",
        ],
        cwd=tmp_path / "program",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == scrub.RECORD, done.stderr
    parameters = json.loads((tmp_path / "program/components/staging_scrub/parameters.json").read_text())
    assert parameters["disk"] == asdict(disk())
    assert parameters["rules"] == rules_version()


def test_the_runner_parses() -> None:
    subprocess.run(["bash", "-n"], input=INSTALL_AND_RUN, text=True, check=True)
    assert ON_SERVER in INSTALL_AND_RUN


class KilledError(Exception):
    """The update was killed."""


class Fake(scrub.Server):
    """A server whose database, containers and label are made up; the data disk is a folder. `killed_before` is the
    number of the step before which the update is killed."""

    def __init__(
        self,
        folder: Path,
        schema: scrub.Schema,
        *,
        left: dict[str, int] | None = None,
        known: DataDisk | None = None,
        killed_before: int = -1,
    ) -> None:
        super().__init__(
            {"disk": asdict(known or disk()), "rules": "now", "mount_point": str(folder), "login": "toybox_1"}
        )
        for name in ("media", "caddy-data", "caddy-config"):
            (folder / name).mkdir(exist_ok=True)
        self.tables, self.left, self.ran = schema, left or {}, []  # type: ignore[var-annotated]
        self.killed_before = killed_before
        if not (folder / "label").exists():
            (folder / "label").write_text(PRODS)

    def step(self) -> None:
        if self.killed_before == 0:
            raise KilledError
        self.killed_before -= 1

    def psql(self, sql: str, *options: str) -> list[list[str]]:
        self.step()
        self.ran.append((sql, options))
        return []

    def label(self) -> str:
        return (self.disk / "label").read_text()

    def relabel(self) -> None:
        self.step()
        (self.disk / "label").write_text(self.data_disk.label)

    def write(self, name: str, content: Any) -> None:
        self.step()
        super().write(name, content)

    def forget_certificates(self) -> None:
        self.step()
        super().forget_certificates()

    def counts(self, query: str) -> dict[str, int]:
        if "regexp_replace" in query:
            return self.left
        done = any("TRUNCATE" in sql for sql, _ in self.ran)
        return {table: 0 if done and table in scrub.emptied(self.tables) else 5 for table in self.tables}

    def schema(self, kinds: str = "rp") -> scrub.Schema:
        return self.tables if "r" in kinds else {}

    def others(self) -> scrub.Others:
        return []

    def empty_redis(self) -> None:
        self.step()
        self.ran.append(("redis", ()))

    def containers(self, *options: str) -> list[str]:
        return []


def test_the_whole_is_recorded_and_not_done_twice(tmp_path: Path) -> None:
    server = Fake(tmp_path, TOYBOX)
    (tmp_path / "caddy-data" / "caddy").mkdir()
    (tmp_path / "caddy-config" / "autosave.json").write_text("{}")
    scrub.scrub(server)
    record = server.read(scrub.RECORD)
    assert (record["volume"], record["blank"]) == (disk().volume, False)
    assert record["rows"]["before"]["django_session"] == 5
    assert record["rows"]["after"]["django_session"] == 0
    assert not list((tmp_path / "caddy-data").iterdir())
    assert not list((tmp_path / "caddy-config").iterdir())
    assert server.read(scrub.NOTE) is None
    assert [options for sql, options in server.ran if "TRUNCATE" in sql] == [("--single-transaction",)]
    (changes,) = [sql for sql, _ in server.ran if "TRUNCATE" in sql]
    assert "DELETE FROM pg_statistic" in changes, "the planner keeps the most frequent values of emptied tables, too"
    ran = len(server.ran)
    scrub.scrub(server)
    assert len(server.ran) == ran


def test_an_interrupted_attempt_does_not_forget_what_there_was(tmp_path: Path) -> None:
    """Its second run would count the emptied tables as empty from the beginning."""
    server = Fake(tmp_path, TOYBOX, left={"posts_post.body": 3})
    with pytest.raises(scrub.ScrubError, match=r"posts_post.body: 3 rows"):
        scrub.scrub(server)
    assert server.read(scrub.RECORD) is None
    server.left = {}
    scrub.scrub(server)
    assert server.read(scrub.RECORD)["rows"]["before"]["django_session"] == 5


def test_an_unlisted_column_changes_nothing(tmp_path: Path) -> None:
    server = Fake(tmp_path, {"newsletter": {"id": "bigint", "phone": "text"}})
    with pytest.raises(scrub.ScrubError, match=r"newsletter\.phone"):
        scrub.scrub(server)
    assert server.ran == []
    assert server.read(scrub.RECORD) is None


def test_an_adopted_disk_is_never_scrubbed(tmp_path: Path) -> None:
    """`toybox adopt staging` of the volume that `prod restore` kept took prod's only copy, and scrubbed it."""
    server = Fake(tmp_path, TOYBOX, known=disk(origin=f"adopted {disk().volume}"))
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(scrub.ScrubError, match="was adopted"):
        scrub.scrub(server)
    assert server.ran == []
    assert server.label() == PRODS
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_disk_that_the_cloud_did_not_make_from_a_restore_point_is_never_scrubbed(tmp_path: Path) -> None:
    server = Fake(tmp_path, TOYBOX, known=disk(copy=False))
    with pytest.raises(scrub.ScrubError, match="does not confirm"):
        scrub.scrub(server)
    assert server.ran == []
    assert server.read(scrub.NOTE) is None


def test_a_scrub_that_is_killed_at_any_step_goes_on_and_prod_refuses_the_disk(tmp_path: Path) -> None:
    """Before the first row changes the disk is still a copy of prod's, and says so; from then on it is staging's."""
    ended = False
    for step in range(30):
        folder = tmp_path / str(step)
        folder.mkdir()
        server = Fake(folder, TOYBOX, killed_before=step)
        try:
            scrub.scrub(server)
            ended = True
        except KilledError:
            assert server.read(scrub.RECORD) is None, "not called done"
        changed = [sql for sql, _ in server.ran if "UPDATE" in sql or "TRUNCATE" in sql]
        assert not changed or server.label() == disk().label
        again = Fake(folder, TOYBOX)
        scrub.scrub(again)
        assert again.read(scrub.RECORD)["volume"] == disk().volume
        assert again.label() == disk().label
        assert ended or any("TRUNCATE" in sql for sql, _ in again.ran)
        if ended:
            return
    raise AssertionError("it has more steps than this test kills at")

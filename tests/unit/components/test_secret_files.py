"""Passwords as the programs that read them take them: whole, and as nothing but a password."""

import re
import string

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.caddy import ACCESS_USER, bcrypt_base64, render_access
from components.postgres import set_password_sql
from components.redis import render_config

PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F))
"""What settings allow in an access password (12 to 72 of them)."""


@settings(max_examples=2)  # bcrypt is slow on purpose
@given(st.text(PRINTABLE, min_size=12, max_size=72))
def test_the_access_line_lets_in_who_knows_the_password(password: str) -> None:
    line = render_access(password, "staging.toybox.example")
    user, hashed = line.removesuffix("\n").split(" ")
    assert user == ACCESS_USER
    assert bcrypt.checkpw(password.encode(), hashed.encode())


def test_a_password_that_bcrypt_would_cut_off_is_refused() -> None:
    """It reads 72 bytes: whoever knows those would be let in. Settings allow no more; this is the second belt."""
    with pytest.raises(ValueError, match="72"):
        render_access("a" * 73, "staging.toybox.example")


def test_the_access_line_changes_with_password_and_domain_only() -> None:
    """A new hash in each run would replace Caddy. A salt derived from the password would be a fast hash of it beside
    the slow one."""
    one, again, other = (render_access(password, "a.example") for password in ("one password", "one password", "other"))
    elsewhere = render_access("one password", "b.example")
    assert one == again
    assert len({one, other, elsewhere}) == 3
    start = len(f"{ACCESS_USER} $2b$10$")
    salt = slice(start, start + 22)
    assert one[salt] == other[salt] != elsewhere[salt]


@given(st.binary(min_size=16, max_size=16))
def test_every_salt_is_one_that_bcrypt_writes_back_unchanged(data: bytes) -> None:
    """Its last character carries two bits; more are rewritten by some programs, refused by others."""
    salt = bcrypt_base64(data)
    assert len(salt) == 22
    assert bcrypt.hashpw(b"password", b"$2b$04$" + salt).startswith(b"$2b$04$" + salt)


def literal(statement: str) -> str:
    """The text that PostgreSQL reads out of the statement's one literal (standard_conforming_strings is on: only the
    quote is special). Fails if there is anything else in it."""
    _create_database, _, rest = statement.partition("\n")
    found = re.fullmatch(r"ALTER ROLE toybox PASSWORD '((?:[^']|'')*)';\n", rest)
    assert found, statement
    return found[1].replace("''", "'")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.text("';\\-\" \n$"))
def test_any_password_is_one_sql_literal(password: str) -> None:
    assert literal(set_password_sql(password)) == password


@given(st.text(string.ascii_letters + string.digits + "_-", min_size=24, max_size=128))
def test_any_redis_password_that_settings_allow_needs_no_escaping(password: str) -> None:
    """Inside of redis.conf's quotes only the quote and the backslash are special."""
    assert render_config(password) == f'requirepass "{password}"\n'
    assert not set(password) & set("\"\\'")

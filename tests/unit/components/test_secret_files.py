"""Passwords as the programs that read them take them: whole, and as nothing but a password."""

import re
import string

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.caddy import ACCESS_USER, bcrypt_base64, render_access
from components.postgres import add_login_sql

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


def variable(statements: str) -> str:
    """The text that psql reads out of the second line's quotes, where the backslash escapes. Fails if there is anything
    else in it."""
    found = re.fullmatch(r"\\set password '((?:[^'\\\n]|\\['\\n])*)'", statements.split("\n", 2)[1])
    assert found, statements
    return re.sub(r"\\(.)", lambda escape: "\n" if escape[1] == "n" else escape[1], found[1])


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.text("';\\-\" \n$"))
def test_any_password_is_one_variable_of_psqls(password: str) -> None:
    assert variable(add_login_sql(password)) == password


@given(st.text(string.ascii_letters + string.digits + "_-", min_size=24, max_size=128))
def test_any_redis_password_that_settings_allow_needs_no_escaping(password: str) -> None:
    """In redis.conf and in redis-cli's input the quotes, the backslash and blanks are special."""
    assert not set(password) & set("\"\\' ")

"""The bucket is asked as S3 demands, and each refusal of the storage is told with its reason and its way out."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.keeper.bundle import render_credentials
from keeper import bucket
from keeper.bucket import Bucket, StorageError
from keeper.places import Storage
from keeper.refusal import Refusal
from tests.state.s3_server import S3Server, s3_server

NOW = 1_800_000_000.0
STORAGE = Storage("https://s3.example", "toybox-keeper", "conoha")


def test_the_signature_is_amazons_own_example() -> None:
    """ "GET Bucket Lifecycle" of docs.aws.amazon.com, "Signature Calculations for the Authorization Header"."""
    pair = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    headers = bucket.signed(
        "GET", "examplebucket.s3.amazonaws.com", "/", "lifecycle=", b"", "us-east-1", pair, 1369353600
    )
    assert headers["x-amz-date"] == "20130524T000000Z"
    assert headers["Authorization"].endswith(
        "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture
def there(server: S3Server, tmp_path: Path) -> Bucket:
    """A bucket that is not made yet, on a server that checks signatures."""
    file = tmp_path / bucket.CREDENTIALS
    file.write_text(render_credentials(server.keys.access, server.keys.secret))
    return Bucket(Storage(server.endpoint, f"toybox-{abs(hash(tmp_path))}", "us-east-1"), file)


def test_what_is_written_is_listed_and_read_back(there: Bucket, server: S3Server) -> None:
    assert not there.exists()
    server.client().create_bucket(Bucket=there.storage.bucket)
    assert there.exists()
    assert there.names() == {}
    for name in ("data/aa/one", "data/ab/a name with +&= 東京"):
        there.write(name, name.encode())
    assert there.names() == {"data/aa/one": 11, "data/ab/a name with +&= 東京": 30}
    assert there.names("data/aa") == {"data/aa/one": 11}
    assert there.read("data/aa/one") == b"data/aa/one"


def test_keys_that_are_not_accepted_and_a_bucket_that_is_not_there_are_told(there: Bucket) -> None:
    with pytest.raises(Refusal, match="There is no bucket"):
        there.names()
    there.credentials.write_text(render_credentials("somebody0123", "elses0123456"))
    with pytest.raises(Refusal, match="does not accept the keys"):
        there.names()
    there.credentials.write_text("[default]\n")
    with pytest.raises(Refusal, match=r"copy-credentials cannot be used: KeyError"):
        there.names()


def test_silence_is_told_as_such(tmp_path: Path) -> None:
    file = tmp_path / bucket.CREDENTIALS
    file.write_text(render_credentials("a" * 16, "b" * 16))
    with pytest.raises(Refusal, match=r"does not answer"):
        Bucket(Storage("https://127.0.0.1:1", "toybox", "conoha"), file).names()


def test_a_listing_is_read_whole_however_many_answers_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    def page(name: str, more: str) -> bytes:
        token = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{more}</NextContinuationToken>" if more else ""
        entry = f"<Contents><Key>{name}</Key><Size>3</Size></Contents>"
        return f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{token}{entry}</ListBucketResult>'.encode()

    pages = {"": page("a", "next one"), "next one": page("b", "")}
    asked = lambda *_, query, **__: pages[query.get("continuation-token", "")]  # noqa: E731
    monkeypatch.setattr(Bucket, "_ask", asked)
    assert Bucket(STORAGE, Path("/")).names() == {"a": 3, "b": 3}


@pytest.mark.parametrize("answer", [b"<html>It works!</html>", b"", b"{}"])
def test_an_answer_that_is_no_listing_is_no_empty_bucket(answer: bytes) -> None:
    with pytest.raises(Refusal, match="answers a listing with something else"):
        bucket.objects(answer)


DATE = "Fri, 15 Jan 2027 08:00:00 GMT"
"""NOW, as a header has it."""


@pytest.mark.parametrize(
    ("status", "body", "said", "way"),
    [
        (403, "AccessDenied", "forbids writing x in bucket toybox-keeper", "somebody else's"),
        (401, "", "forbids writing x", "keys of another account"),
        (403, "SignatureDoesNotMatch", "does not accept the keys", "toybox init --stack keeper"),
        (403, "RequestTimeTooSkewed", "The keeper's clock is", "timedatectl"),
        (404, "NoSuchBucket", "There is no bucket toybox-keeper", "toybox:copy.bucket"),
        (413, "EntityTooLarge", "is full", "Buy capacity"),
        (507, "", "is full", "Buy capacity"),
        (500, "InternalError", "The object storage failed, writing x", "tries again"),
        (503, "SlowDown", "The object storage failed, writing x", "tries again"),
    ],
)
def test_each_refusal_has_its_reason_and_its_way_out(status: int, body: str, said: str, way: str) -> None:
    error = bucket.refused(status, f"<Error><Code>{body}</Code></Error>".encode(), DATE)
    told = str(bucket.explained(STORAGE, error, "writing x", NOW))
    assert said in told.splitlines()[0]
    assert way in told
    assert str(status) in told


def test_a_refusal_while_the_clocks_differ_is_the_clocks() -> None:
    """Not every service says RequestTimeTooSkewed."""
    error = StorageError(403, "AccessDenied", "", NOW - 86400)
    assert "86400 s ahead of" in str(bucket.explained(STORAGE, error, "listing", NOW))
    error = StorageError(403, "AccessDenied", "", NOW + 400)
    assert "400 s behind" in str(bucket.explained(STORAGE, error, "listing", NOW))


def test_what_is_no_xml_is_told_by_its_status() -> None:
    error = bucket.refused(502, b"Bad Gateway", None)
    assert re.search(r"It answers: 502\.", str(bucket.explained(STORAGE, error, "listing", NOW)))


def test_without_a_copy_the_way_to_one_is_told(places: Any) -> None:
    with pytest.raises(Refusal, match=r"no copy(.|\n)*toybox init --stack keeper"):
        bucket.bucket_of(places)

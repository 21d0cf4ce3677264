"""Pulumi and `toybox` find the same state, and an address that cannot work is told in one message."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ops import OpsError
from ops.state import location, store
from ops.state.location import EXAMPLE, IN_THE_PROJECT, VARIABLE, Bucket

CHECKOUT = Path(__file__).resolve().parents[4]
PROJECT = {"name": "toybox", "backend": {"url": EXAMPLE}}


def test_the_environment_goes_before_the_project() -> None:
    """Pulumi's own order; the lab depends on it. tests/state holds the real CLI to it."""
    assert location.backend({}, PROJECT) == (EXAMPLE, IN_THE_PROJECT)
    assert location.backend({VARIABLE: "file:///somewhere"}, PROJECT) == ("file:///somewhere", VARIABLE)
    assert location.backend({VARIABLE: ""}, PROJECT) == (EXAMPLE, IN_THE_PROJECT)


@pytest.mark.parametrize("project", [{}, {"backend": None}, {"backend": {}}, {"backend": {"url": ""}}])
def test_without_an_address_nothing_goes_to_pulumis_own_service(project: dict[str, object]) -> None:
    with pytest.raises(OpsError) as caught:
        location.backend({}, project)
    assert str(caught.value).startswith("backend.url in Pulumi.yaml is missing")


def test_the_committed_address_is_conohas_bucket_reached_as_conoha_wants_it() -> None:
    project = yaml.safe_load((CHECKOUT / "Pulumi.yaml").read_text())
    url, setting = location.backend({}, project)
    assert location.bucket(url, setting) == Bucket(
        name="toybox-state",
        endpoint="https://s3.c3j1.conoha.io",
        region="us-east-1",
        profile="toybox",
        setting=IN_THE_PROJECT,
    )
    assert url == EXAMPLE, "the example in messages is what works"
    assert "request_checksum_calculation=when_required" in url, "ConoHa refuses the checksums of newer SDKs"


def test_a_folder_is_no_bucket() -> None:
    assert location.bucket("file:///var/lib/toybox-lab/state", VARIABLE) is None


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("https://api.pulumi.com", "is https://"),
        ("gs://toybox", "is gs://"),
        ("toybox", "is no://"),
        ("s3://?profile=toybox", "no bucket"),
        ("s3://toybox/deep/down?profile=toybox", "the path '/deep/down'"),
        ("s3://toybox", "no profile="),
        ("s3://toybox?profile=toybox&endpoint=https://s3.c3j1.conoha.io", "no s3ForcePathStyle=true"),
        ("s3://toybox?profile=toybox&s3ForcePathStyle=true&endpoint=http://s3.c3j1.conoha.io", "not https://"),
        ("s3://toybox?profile=toybox&s3ForcePathStyle=true&endpoint=s3.c3j1.conoha.io", "not https://"),
    ],
)
def test_an_address_that_cannot_work_is_refused_with_one_that_does(url: str, wrong: str) -> None:
    with pytest.raises(OpsError) as caught:
        location.bucket(url, VARIABLE)
    message = str(caught.value)
    assert message.startswith(f"{VARIABLE} ")
    assert wrong in message
    assert EXAMPLE in message
    assert message.count("Why:") == message.count("Way out:") == 1


CODES = st.sampled_from(
    ["InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "BucketAlreadyExists", "NoSuchBucket", "SlowDown"]
)


@given(CODES | st.text(max_size=20))
def test_whatever_s3_answers_becomes_one_message_with_a_way_out(code: str) -> None:
    bucket = Bucket("toybox-state", "https://s3.c3j1.conoha.io", "us-east-1", "toybox", IN_THE_PROJECT)
    message = str(store.explained(bucket, code, "said so", "writing exports/prod.json"))
    assert f"({code}: said so)" in message
    assert "toybox" in message
    assert message.count("Why:") == message.count("Way out:") == 1

"""A new setting is a field of a model, whatever its type: messages, reference and loading follow from it."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from syrupy.assertion import SnapshotAssertion

from settings.catalogue import Model, allowed, describe
from settings.error_texts import problems
from settings.loading import from_pulumi
from settings.reference import example_file, section


class Sample(Model):
    """Settings of types that TOYBOX's own do not have."""

    workers: Mapping[str, Annotated[int, Field(ge=1, le=8)]] = Field(
        description="How many workers take the jobs of each queue.",
        examples=[{"mail": 1, "thumbnails": 2}],
        json_schema_extra=allowed("names of queues, each with 1 to 8"),
    )
    retries: int = Field(
        description="How often a job is tried.", ge=0, examples=[3], json_schema_extra=allowed("from 0")
    )
    debug: bool = Field(description="Whether jobs log.", examples=[True], json_schema_extra=allowed("true or false"))
    pause: int = Field(
        default=5, ge=0, description="Seconds between two tries.", examples=[9], json_schema_extra=allowed("from 0")
    )


CATALOGUE = describe(Sample)


def test_the_reference_shows_it(snapshot: SnapshotAssertion) -> None:
    assert example_file(CATALOGUE) + "".join(section(path, each) for path, each in CATALOGUE.items()) == snapshot


def test_a_program_gets_it_as_it_was_written() -> None:
    raw = {"toybox:workers": '{"mail":1}', "toybox:retries": "3", "toybox:debug": "true"}
    given = from_pulumi(raw, CATALOGUE)
    assert given == {"workers": {"mail": 1}, "retries": 3, "debug": True}
    assert problems(Sample, given, CATALOGUE) == []


def test_a_wrong_value_is_refused_with_reason_and_way_out(snapshot: SnapshotAssertion) -> None:
    found = [
        *problems(Sample, {"workers": {"mail": 9, "thumbnails": "2"}, "retries": -1, "debug": "yes"}, CATALOGUE),
        *problems(Sample, {"workers": {3: 1}, "retries": 3.5, "debug": True, "pauses": 5}, CATALOGUE),
        *problems(Sample, {"workers": "mail", "retries": 3}, CATALOGUE),
    ]
    assert "\n".join(map(str, found)) == snapshot

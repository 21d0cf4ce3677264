"""A keeper's second as the source of a data volume: in the settings, and in the record on the volume it replaces."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from ops.data.volume import aside, origin, source

CHECKOUT = Path(__file__).resolve().parents[5]
TO = "2026-01-22T20:49:00+09:00"


def test_a_second_stays_a_text_in_the_settings() -> None:
    """Without quotes YAML makes a time of it, and drops its offset."""
    after = origin.written((CHECKOUT / "Pulumi.prod.yaml").read_text(), origin.kept("keeper", TO))
    assert yaml.safe_load(after)["config"]["toybox:dataVolume"]["origin"] == {"source": "keeper", "to": TO}


@pytest.mark.parametrize("to", [TO, "latest"])
def test_the_volume_that_is_put_aside_says_what_took_its_place(to: str) -> None:
    chosen = source.of_keeper("keeper", to, "keeper", "toybox restore database")
    record = aside.Record(datetime(2026, 1, 22, 12, tzinfo=UTC), chosen.purpose, under_way=True, held="x" * 100)
    assert aside.read(aside.written("prod", record)) == record
    assert chosen.id is None, "the cloud knows no such restore point"

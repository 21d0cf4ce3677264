"""How a container's inputs are written, so that a second `pulumi up` has nothing to do."""

import re
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from components.containers.service import duration, environment_list


@given(st.dictionaries(st.text("ABC_", min_size=1), st.text()), st.randoms())
def test_the_order_in_which_variables_are_written_replaces_no_container(
    environment: dict[str, str], random: Random
) -> None:
    items = list(environment.items())
    random.shuffle(items)
    assert environment_list(dict(items)) == environment_list(environment)


@given(st.integers(1, 3599))
def test_durations_are_written_as_docker_reads_them_back(seconds: int) -> None:
    """Go's time.Duration prints minutes only if there are any, then seconds always, and neither above 59."""
    found = re.fullmatch(r"(?:([1-9]|[1-5][0-9])m)?([0-9]|[1-5][0-9])s", duration(seconds))
    assert found
    assert int(found[1] or 0) * 60 + int(found[2]) == seconds

"""The facts in `conoha` hang together, and its rules refuse what ConoHa refuses."""

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from conoha import account, flavors, names, user_data, volumes


def test_every_flavor_is_filed_under_its_name_which_says_what_it_is() -> None:
    for name, flavor in flavors.FLAVORS.items():
        memory = f"{flavor.memory // 1024}" if flavor.memory >= 1024 else f"{flavor.memory}"
        assert name == flavor.name == f"g2l-t-c{flavor.vcpus}m{memory}"


def test_more_memory_costs_more() -> None:
    plans = list(flavors.FLAVORS.values())
    assert plans == sorted(plans, key=lambda plan: plan.memory) == sorted(plans, key=lambda plan: plan.price)


def test_only_the_512_mb_plan_boots_from_30_gb() -> None:
    for flavor in flavors.FLAVORS.values():
        assert flavor.boot_sizes == ((30,) if flavor.memory == 512 else (100, 200, 500))


@pytest.mark.parametrize("kind", [volumes.BOOT, volumes.DATA])
def test_a_larger_volume_never_costs_less(kind: volumes.VolumeType) -> None:
    prices = [kind.prices[size] for size in kind.sizes]
    assert prices == sorted(prices)
    assert kind.name.startswith(account.REGION)


@given(st.sampled_from(volumes.SOURCES), st.integers(min_value=1, max_value=12_000))
def test_the_proposed_size_fits_and_no_smaller_one_does(source: str, origin: int) -> None:
    proposed = volumes.smallest_fitting(source, origin)
    fitting = [size for size in volumes.DATA.sizes if volumes.size_fits_origin(source, size, origin)]
    assert proposed == (fitting[0] if fitting else None)
    assert proposed is None or proposed >= origin


@given(st.from_regex(names.STACK, fullmatch=True), st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True))
@examples(max_examples=60)
def test_every_name_given_is_one_that_conoha_takes(stack: str, what: str) -> None:
    name = names.resource_name(stack, what)
    assert names.INSTANCE_NAME_TAG.fullmatch(name)
    assert names.KEY_PAIR.fullmatch(name)


@pytest.mark.parametrize("what", ["data volume", "dätä", "a.b", "x" * 250])
def test_a_name_that_conoha_refuses_is_refused_here(what: str) -> None:
    with pytest.raises(ValueError, match="ConoHa refuses the name"):
        names.resource_name("prod", what)


@pytest.mark.parametrize(
    ("url", "is_conohas"),
    [
        (account.AUTH_URL, True),
        ("https://identity.c3j2.conoha.io/v3", True),
        ("http://127.0.0.1:5000/v3", False),
        ("https://identity.notconoha.io/v3", False),
        ("https://conoha.io.example/v3", False),
        ("", False),
    ],
)
def test_conoha_is_known_by_its_host(url: str, is_conohas: bool) -> None:
    assert account.is_conoha(url) is is_conohas


@pytest.mark.parametrize("text", ["#cloud-config\npackages: []\n", "#!/bin/sh\ntrue\n", "#include\nhttps://a.jp/x\n"])
def test_plain_user_data_with_an_allowed_first_line_is_taken(text: str) -> None:
    assert user_data.problem(text) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "begins with ''"),
        ("packages: []\n", "begins with 'packages: []'"),
        ("#cloud-config-archive\n", "begins with '#cloud-config-archive'"),
        ("Content-Type: multipart/mixed\n", "begins with 'Content-Type: multipart/mixed'"),
        ("#cloud-config\n\0", "NUL byte"),
        ("#cloud-config\n" + "x" * user_data.SAFE_LIMIT, "bytes"),
        ("#cloud-config\n" + "日" * (user_data.SAFE_LIMIT // 3), "bytes"),
    ],
)
def test_user_data_that_conoha_refuses_is_refused_here(text: str, reason: str) -> None:
    assert reason in (user_data.problem(text) or "")


def test_user_data_fits_in_either_reading_of_the_limit() -> None:
    assert user_data.SAFE_LIMIT * 4 // 3 <= 16 * 1024

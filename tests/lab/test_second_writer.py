"""The databases' own files refuse a second server: it would destroy them, and neither of the two would notice."""

from tests.lab.toybox import Toybox

CLUSTER = "/var/lib/postgresql/data/pgdata"


def ended(prod: Toybox, container: str, *options: str) -> str:
    """What a second server says, started by hand from the image that `container` runs; it must end by itself."""
    image = prod.ssh(f"docker inspect --format '{{{{.Image}}}}' {container}").strip()
    words = " ".join(options).replace("IMAGE", image)
    said = prod.ssh(f"timeout 20 docker run --rm --name second {words} 2>&1; echo ended $?; docker rm -f second 2>&1")
    assert "ended 1\n" in said, said
    return said


def test_a_second_postgres_is_refused_by_the_data_directory(prod: Toybox) -> None:
    """By its volume, its path on the disk, with our container's mounts, past the image's own first steps, and alone."""
    before = prod.fingerprint()
    refused = "could not open configuration file"
    volume = "--volume postgres:/var/lib/postgresql/data"
    assert "is not empty" in ended(prod, "postgres", volume, "--env POSTGRES_PASSWORD=x IMAGE")
    assert refused in ended(prod, "postgres", volume, f"--env PGDATA={CLUSTER} IMAGE")
    assert refused in ended(prod, "postgres", f"--volumes-from postgres --env PGDATA={CLUSTER} IMAGE")
    assert refused in ended(prod, "postgres", "--volume /srv/toybox/postgres/pgdata:/var/lib/postgresql/data IMAGE")
    single = f"--user postgres --entrypoint postgres IMAGE --single -D {CLUSTER} toybox </dev/null"
    assert refused in ended(prod, "postgres", volume, single)
    assert prod.fingerprint() == before


def test_a_second_redis_is_refused_by_its_volume(prod: Toybox) -> None:
    for mounts in ("--volume redis:/data", "--volumes-from redis"):
        said = ended(prod, "redis", mounts, "IMAGE redis-server --appendonly yes")
        assert "Can't open or create append-only dir" in said
    assert prod.browser().get("/healthz").status_code == 200

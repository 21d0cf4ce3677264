"""Secrets stay secret, databases stay alone, and the host refuses what led to the incident."""

import json
import re
import shlex

from tests.lab.toybox import Toybox

PLAIN_SECRETS = (
    "postgresPassword",
    "redisPassword",
    "djangoSecretKey",
    "openstackPassword",
    "sshPrivateKey",
    "sshHostKey",
)


def secret_values(prod: Toybox) -> dict[str, str]:
    """{key: value} of the stack's secrets, in plain; of a key, its longest line."""
    listed = json.loads(prod.pulumi("config", "--show-secrets", "--json").stdout)
    return {name: max(listed[f"toybox:{name}"]["value"].splitlines(), key=len) for name in PLAIN_SECRETS}


def test_no_secret_is_in_the_plain_state_in_inspect_in_a_log_or_on_a_command_line(prod: Toybox) -> None:
    places = {
        "state": json.dumps(prod.state()),
        "preview": prod.pulumi("preview", "--diff").stdout,
        "inspect": prod.ssh("docker inspect $(docker ps -aq)"),
        "logs": prod.ssh("for c in $(docker ps -aq); do docker logs $c 2>&1; done; journalctl --no-pager"),
        "processes": prod.ssh("ps -ww -eo args; cat /proc/[0-9]*/environ | tr '\\0' '\\n'"),
        "data disk": prod.ssh("find /srv/toybox -name '*secret*' -o -name 'identity'"),
    }
    for name, value in secret_values(prod).items():
        for place, text in places.items():
            assert value not in text, f"{name} is in the {place}"


def test_secret_files_are_read_only_and_on_the_root_disk(prod: Toybox) -> None:
    assert prod.ssh("stat -c '%a %U' /etc/toybox/secrets").split() == ["700", "root"]
    assert set(prod.ssh("stat -c %a /etc/toybox/secrets/*/*").split()) == {"444"}
    assert "Read-only file system" in prod.ssh(
        "docker exec web sh -c 'echo x > /run/secrets/django_secret_key' 2>&1 || true"
    )


def test_postgres_lies_in_its_named_volume_with_checksums(prod: Toybox) -> None:
    mounts = json.loads(prod.ssh("docker inspect --format '{{json .Mounts}}' postgres"))
    volumes = {mount["Name"]: mount["Destination"] for mount in mounts if mount["Type"] == "volume"}
    assert volumes == {"postgres": "/var/lib/postgresql/data"}, "no anonymous volume"
    assert (
        prod.ssh("test -s /srv/toybox/postgres/pgdata/PG_VERSION && cat /srv/toybox/postgres/pgdata/PG_VERSION")
        == "15\n"
    )
    assert prod.ssh("docker exec postgres psql -U postgres -d toybox -tAc 'show data_checksums'").strip() == "on"


def test_a_second_postgres_on_the_same_files_is_refused(prod: Toybox) -> None:
    said = prod.ssh(
        "docker run --rm --mount type=volume,source=postgres,target=/var/lib/postgresql/data"
        " --entrypoint flock $(docker inspect --format '{{.Image}}' postgres)"
        " --no-fork --nonblock /var/lib/postgresql/data/.lock echo opened || echo refused"
    )
    assert said.strip() == "refused"


def test_the_backend_network_has_no_way_out(prod: Toybox) -> None:
    dial = "import socket; socket.create_connection(('198.51.100.1', 5001), 3)"
    said = prod.ssh(f'docker exec worker python -c "{dial}" 2>&1 || true')
    assert re.search("unreachable|timed out", said), said


def test_django_itself_refuses_another_host_name(prod: Toybox) -> None:
    """Caddy lets only the site's name through; a request that came past Caddy meets Django's own check."""

    def ask(host: str) -> str:
        header = shlex.quote(f"Host: {host}")
        return prod.ssh(f"docker exec caddy wget -S -q -O /dev/null --header {header} http://web:8000/ 2>&1 || true")

    assert "200 OK" in ask(prod.site().host)
    assert "400 Bad Request" in ask("evil.example")
    assert "400 Bad Request" in ask("web:8000")


def test_a_second_docker_daemon_is_found_and_both_are_named(prod: Toybox) -> None:
    """A snap Docker ran beside the apt one on 2026-01-22: two sets of containers, and nobody saw both."""
    prod.ssh(
        "echo '{}' > /run/second.json;"
        " setsid dockerd --config-file=/run/second.json --data-root=/var/second --exec-root=/run/second"
        " --pidfile=/run/second.pid --host=unix:///run/second.sock --bridge=none --iptables=false"
        " --containerd-namespace=second --containerd-plugins-namespace=second-plugins"
        " </dev/null >/var/log/second.log 2>&1 &"
        " for i in $(seq 50); do docker -H unix:///run/second.sock info >/dev/null 2>&1 && break; sleep 0.2; done"
    )
    try:
        said = prod.ssh("/usr/local/lib/toybox/ready 2>&1 || echo status $?")
    finally:
        prod.ssh(
            "kill $(cat /run/second.pid); for i in $(seq 50); do test -e /run/second.pid || break; sleep 0.2; done;"
            " rm -rf /var/second /run/second.json"
        )
    assert "status 1" in said
    assert "data root /var/second" in said
    assert "data root /var/lib/docker" in said
    assert prod.ssh("/usr/local/lib/toybox/ready").startswith("ready:")


def test_postgres_shuts_down_cleanly_when_its_container_is_replaced(prod: Toybox) -> None:
    prod.up("--replace", prod.urn("postgres-container"))
    log = prod.ssh("docker logs postgres 2>&1")
    assert "database system was shut down at" in log
    assert "was not properly shut down" not in log
    last_words = "database system is shut down"
    assert last_words not in log, "those of the container that is gone"
    code, shown = prod.shell().run("toybox logs postgres")
    assert (code, last_words in shown) == (0, True), shown

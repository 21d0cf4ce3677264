"""moto's S3 server as a process of its own on this machine. It stands for ConoHa's object storage, and checks keys,
signatures and permissions as S3 does, if it is to."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from ops.state.keys import Keys


@dataclass(frozen=True)
class S3Server:
    """Where it answers, and the keys of a user who may do all of S3."""

    endpoint: str
    keys: Keys

    def backend(self, bucket: str) -> str:
        """A bucket's address in the words of Pulumi.yaml, with this server's endpoint for ConoHa's."""
        return (
            f"s3://{bucket}?endpoint={self.endpoint}&s3ForcePathStyle=true&region=us-east-1&profile=toybox"
            "&request_checksum_calculation=when_required&response_checksum_validation=when_required"
        )

    def client(self, service: str = "s3", keys: Keys | None = None) -> Any:
        """A client of the server, with the keys of the user who may do all."""
        keys = keys or self.keys
        return boto3.client(
            service,  # type: ignore[call-overload, unused-ignore]
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=keys.access,
            aws_secret_access_key=keys.secret,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def resources(self, bucket: str) -> set[str]:
        """The commands that the state of prod knows, by logical name: Pulumi's own file, read without Pulumi."""
        file = self.client().get_object(Bucket=bucket, Key=".pulumi/stacks/toybox/prod.json")["Body"].read()
        resources = json.loads(file)["checkpoint"]["latest"]["resources"]
        return {each["urn"].split("::")[-1] for each in resources if each["type"].startswith("command:")}

    def copies(self, bucket: str) -> list[str]:
        """The versions of the copies of prod's state, the newest first."""
        listed = self.client().list_object_versions(Bucket=bucket, Prefix="exports/prod.json")
        return [each["VersionId"] for each in listed.get("Versions", ())]


def policy(*actions: str) -> str:
    """A policy that allows these actions on everything."""
    listed = ", ".join(f'"{action}"' for action in actions)
    statement = f'{{"Effect": "Allow", "Action": [{listed}], "Resource": "*"}}'
    return f'{{"Version": "2012-10-17", "Statement": [{statement}]}}'


def user(iam: Any, name: str, *actions: str) -> Keys:
    """A new user with keys, who may do this."""
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=policy(*actions))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return Keys(made["AccessKeyId"], made["SecretAccessKey"])


@contextmanager
def s3_server(folder: Path, *, checks_keys: bool = True) -> Iterator[S3Server]:
    """A running server with one user. Its first three calls, which make the user, need no keys; all others do.

    Without `checks_keys` it takes whoever comes, such as somebody with keys that Keystone made.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "moto.log").open("w") as log:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("moto_server")), "--host", "127.0.0.1", "--port", str(port)],
            env=os.environ | ({"INITIAL_NO_AUTH_ACTION_COUNT": "3"} if checks_keys else {}),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        endpoint = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 30
        while not answers(endpoint):
            assert process.poll() is None, (folder / "moto.log").read_text()
            assert time.monotonic() < deadline, "moto's server does not answer"
            time.sleep(0.05)
        nobody = S3Server(endpoint, Keys("nobody", "nothing"))
        yield S3Server(endpoint, user(nobody.client("iam"), "toybox", "s3:*", "iam:*"))
    finally:
        process.terminate()
        process.wait(timeout=10)


def answers(endpoint: str) -> bool:
    """Whether something speaks HTTP there."""
    try:
        urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=2)  # noqa: S310 - a loopback address of our own
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True

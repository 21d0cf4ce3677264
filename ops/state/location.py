"""The address of the state, as Pulumi finds it: PULUMI_BACKEND_URL, else `backend.url` of Pulumi.yaml.

Pulumi hands the address to the Go CDK (gocloud.dev/blob/s3blob and gocloud.dev/aws, whose parameters these are) and
that to the AWS SDK. What is read here is the part that `toybox` needs to reach the same bucket.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from ops import OpsError
from settings.problems import Problem

VARIABLE = "PULUMI_BACKEND_URL"
IN_THE_PROJECT = "backend.url in Pulumi.yaml"

EXAMPLE = (
    "s3://toybox-state?endpoint=https://s3.c3j1.conoha.io&s3ForcePathStyle=true&region=us-east-1&profile=toybox"
    "&request_checksum_calculation=when_required&response_checksum_validation=when_required"
)
"""ConoHa's object storage: S3 since 2025-08-28, Ver.3.0 only, path style (vps.conoha.jp/conoha/news/?ap=2015054049 and
suzuna.me/posts/conoha-object-storage-with-boto3, read 2026-11-24).

UNCONFIRMED (s3-region): that it takes any region, as people report, and so S3's word for none.
UNCONFIRMED (s3-checksums): that it refuses the checksums of newer SDKs, as people report, and takes writes without.
"""


@dataclass(frozen=True)
class Bucket:
    """A bucket, and how it is reached."""

    name: str
    endpoint: str | None
    """None is Amazon's own S3."""
    region: str
    profile: str
    """The section of the credentials file. Pulumi takes the keys from there and from nowhere else if the address names
    one: a shell that still holds the keys of another cloud cannot write there."""
    setting: str
    """Where the address stands, for messages."""

    @property
    def place(self) -> str:
        """The bucket and its endpoint in words."""
        return f"{self.name} at {self.endpoint or 'Amazon S3'}"


def backend(environment: Mapping[str, str], project: Mapping[str, object]) -> tuple[str, str]:
    """The address of the state and the setting that it stands in; Pulumi's own order.

    `project` is the content of Pulumi.yaml. Raises OpsError if neither names an address.
    """
    if url := environment.get(VARIABLE):
        return url, VARIABLE
    declared = project.get("backend")
    if isinstance(declared, Mapping) and declared.get("url"):
        return str(declared["url"]), IN_THE_PROJECT
    raise refused(
        IN_THE_PROJECT,
        "is missing",
        "Pulumi would ask for an account at its own service, and the state would go there.",
        f"Put the address of your bucket there, for example {EXAMPLE}",
    )


def bucket(url: str, setting: str) -> Bucket | None:
    """The bucket that an address names, or None where the state is no bucket but a folder (file://).

    Raises OpsError if the address cannot work, or would work with Pulumi and not with `toybox`.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return None
    why = "Pulumi and `toybox` must find the same state, each time: a second state means a second server."
    if parts.scheme != "s3":
        wrong = f"is {parts.scheme or 'no'}://: the state of this project lives in an S3 bucket, in the lab in a folder"
        raise refused(setting, wrong, why, f"Write the bucket's address there, for example {EXAMPLE}")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    problems = []
    if not parts.netloc:
        problems.append("no bucket")
    if parts.path.strip("/"):
        problems.append(f"the path {parts.path!r} behind the bucket, which this project does not use")
    if "profile" not in query:
        problems.append("no profile=, the section of the credentials file with its keys")
    if query.get("s3ForcePathStyle") != "true" and "endpoint" in query:
        problems.append("no s3ForcePathStyle=true: ConoHa's endpoint answers for no <bucket>.<host>")
    if "endpoint" in query and not query["endpoint"].startswith(("https://", "http://127.0.0.1:")):
        problems.append("an endpoint that is not https://: the state and what it says of your site would be readable")
    if problems:
        raise refused(setting, f"has {'; '.join(problems)}", why, f"Complete it, for example {EXAMPLE}")
    return Bucket(
        name=parts.netloc,
        endpoint=query.get("endpoint"),
        region=query.get("region", "us-east-1"),
        profile=query["profile"],
        setting=setting,
    )


def refused(setting: str, wrong: str, why: str, remedy: str) -> OpsError:
    """The error that ends a command: the setting, what is wrong with it, why it matters and the way out."""
    return OpsError(str(Problem(setting, wrong, why, remedy)))

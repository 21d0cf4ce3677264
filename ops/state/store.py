"""The bucket itself: the edge that talks to it, and what its refusals mean."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops import OpsError
from ops.state.keys import Keys
from ops.state.location import Bucket, refused

WHY_REACHED = "Without it nobody can preview or update; the site itself does not need it and keeps running."


@dataclass(frozen=True)
class Version:
    """One version of an object."""

    id: str
    at: datetime
    size: int


def explained(bucket: Bucket, code: str, said: str, doing: str) -> OpsError:
    """What S3's error code means for the operator. `doing` is what was tried, in words."""
    answer = f"({code}: {said})"
    match code:
        case "InvalidAccessKeyId" | "SignatureDoesNotMatch":
            return refused(
                f"profile {bucket.profile} of the credentials file",
                f"has keys that {bucket.endpoint} does not accept {answer}",
                WHY_REACHED,
                f"Remove the section [{bucket.profile}] there and run `toybox init` again: it asks for the API user's "
                "password and gets the keys from the cloud.",
            )
        case "AccessDenied" | "403" | "Forbidden" | "AllAccessDisabled":
            return refused(
                bucket.setting,
                f"names bucket {bucket.name}, and {doing} is forbidden {answer}",
                WHY_REACHED,
                "The bucket may be somebody else's: choose another name. Or the keys are of another account: see "
                f"profile {bucket.profile} of the credentials file. Or no object storage is ordered for the account.",
            )
        case "BucketAlreadyExists" | "InvalidBucketName":
            return refused(
                bucket.setting,
                f"names bucket {bucket.name}, which cannot be made {answer}",
                "All customers share one set of bucket names: 3 to 63 small letters, digits and dashes.",
                "Choose another name, for example with your domain in it.",
            )
        case "NoSuchBucket":
            return refused(
                bucket.setting,
                f"names bucket {bucket.name}, which does not exist {answer}",
                WHY_REACHED,
                "Run `toybox init`, which makes it. If it was there before, look who deleted it, first.",
            )
        case _:
            return refused(
                bucket.setting,
                f"names {bucket.place}, and {doing} failed {answer}",
                WHY_REACHED,
                "Try again. If it stays: ConoHa's status page, and whether the ordered capacity is used up.",
            )


class Store:
    """The bucket, opened with keys. Its methods raise OpsError with the setting, what is wrong and the way out."""

    def __init__(self, bucket: Bucket, keys: Keys) -> None:
        # Loaded late: it takes a third of a second, and most commands do not need it.
        import boto3
        import botocore.session
        from botocore.config import Config

        self.bucket = bucket
        # As the address says it to Pulumi (location.EXAMPLE).
        config = Config(
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            connect_timeout=10,
            read_timeout=60,
            retries={"total_max_attempts": 3, "mode": "standard"},
        )
        # Without this the SDK looks for the profile that AWS_PROFILE names, though it is given the keys.
        apart = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
        session = boto3.session.Session(
            aws_access_key_id=keys.access,
            aws_secret_access_key=keys.secret,
            region_name=bucket.region,
            botocore_session=apart,
        )
        self._s3: Any = session.client("s3", endpoint_url=bucket.endpoint, config=config)

    def ensure(self) -> tuple[str, ...]:
        """Make the bucket if it is missing, and let it keep old versions. Returns what was done, in words.

        Whether versions are kept is read back: an S3 that says yes and keeps none would be found out on the worst day.
        UNCONFIRMED (s3-versions): that ConoHa keeps them, as one person reports.
        """
        done = []
        if not self._exists():
            with self._doing("making it"):
                self._s3.create_bucket(Bucket=self.bucket.name)
            done.append(f"bucket {self.bucket.place}")
        if not self._keeps_versions():
            with self._doing("switching on versioning"):
                self._s3.put_bucket_versioning(Bucket=self.bucket.name, VersioningConfiguration={"Status": "Enabled"})
            if not self._keeps_versions():
                raise self._without_versions()
            done.append(f"versioning of bucket {self.bucket.name}")
        return tuple(done)

    def put(self, key: str, content: bytes, notes: Mapping[str, str]) -> str:
        """Store an object and return the id of its version."""
        with self._doing(f"writing {key}"):
            answer = self._s3.put_object(
                Bucket=self.bucket.name, Key=key, Body=content, Metadata=dict(notes), ContentType="application/json"
            )
        version = answer.get("VersionId")
        if not version or version == "null":
            raise self._without_versions()
        return str(version)

    def versions(self, key: str) -> tuple[Version, ...]:
        """All versions of an object, the newest first."""
        found = []
        with self._doing(f"listing the versions of {key}"):
            for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket.name, Prefix=key):
                found += [
                    Version(each["VersionId"], each["LastModified"], each["Size"])
                    for each in page.get("Versions", ())
                    if each["Key"] == key
                ]
        # The order of the answer counts where two were written in one second: S3 lists the newest first.
        return tuple(found)

    def get(self, key: str, version: str) -> bytes:
        """The content of one version."""
        with self._doing(f"reading version {version} of {key}"):
            return bytes(self._s3.get_object(Bucket=self.bucket.name, Key=key, VersionId=version)["Body"].read())

    def contents(self, prefix: str) -> list[bytes]:
        """Return the present contents of the objects below a prefix. An object that disappears meanwhile does not
        count."""
        from botocore.exceptions import ClientError

        found = []
        with self._doing(f"reading {prefix}"):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket.name, Prefix=prefix):
                for each in page.get("Contents", ()):
                    try:
                        found.append(
                            bytes(self._s3.get_object(Bucket=self.bucket.name, Key=each["Key"])["Body"].read())
                        )
                    except ClientError as error:
                        if error.response["Error"]["Code"] != "NoSuchKey":
                            raise
        return found

    def notes(self, key: str, version: str) -> Mapping[str, str]:
        """What was noted when a version was written."""
        with self._doing(f"reading version {version} of {key}"):
            answer = self._s3.head_object(Bucket=self.bucket.name, Key=key, VersionId=version)
        return dict(answer["Metadata"])

    def _exists(self) -> bool:
        from botocore.exceptions import ClientError

        # Not head_bucket: an answer to HEAD has no body, and so no reason.
        with self._doing("looking into it"):
            try:
                self._s3.list_objects_v2(Bucket=self.bucket.name, MaxKeys=1)
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchBucket":
                    raise
                return False
        return True

    def _keeps_versions(self) -> bool:
        with self._doing("asking whether it keeps versions"):
            return bool(self._s3.get_bucket_versioning(Bucket=self.bucket.name).get("Status") == "Enabled")

    def _without_versions(self) -> OpsError:
        return refused(
            self.bucket.setting,
            f"names bucket {self.bucket.name}, which keeps no old versions",
            "A state that was overwritten or lost could not be got back.",
            "Run `toybox init`, which switches versioning on. If that is what just failed, use a bucket elsewhere.",
        )

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            reason = error.response.get("Error", {})
            raise explained(self.bucket, reason.get("Code", "?"), reason.get("Message", ""), what) from None
        except BotoCoreError as error:
            raise refused(
                self.bucket.setting,
                f"names {self.bucket.place}, which cannot be reached: {error}",
                WHY_REACHED,
                "Look at the endpoint's spelling and at this machine's network; ConoHa's status page says if it is "
                "theirs.",
            ) from None

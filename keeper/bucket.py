"""The bucket in object storage, asked without restic: what is in it, and why it refuses.

S3 with signature version 4 and path style, which ConoHa's object storage speaks. restic writes the copy; a look through
here says what has arrived, and finds within seconds what restic would try again for minutes.
"""

import configparser
import hashlib
import hmac
import http.client
import ssl
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree  # of a server that the settings name, over TLS
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from keeper.database import CLOCKS_MAY_DIFFER
from keeper.places import Places, Storage
from keeper.refusal import Refusal

SECONDS = 30
"""For each answer."""
CREDENTIALS = "copy-credentials"
"""In the AWS SDKs' own format, which restic reads, too."""
AGAIN = "`toybox-keeper run copy` tries again, and the timer does every half hour."


class StorageError(Exception):
    """The storage refused. `code` is S3's word for it, `clock` the storage's time if it told it."""

    def __init__(self, status: int, code: str, said: str, clock: float | None = None) -> None:
        super().__init__(f"{status} {code} {said}".strip())
        self.status = status
        self.code = code
        self.clock = clock


@dataclass(frozen=True)
class Bucket:
    """A bucket, and the file with the keys that open it."""

    storage: Storage
    credentials: Path

    def names(self, prefix: str = "") -> dict[str, int]:
        """Return {name: bytes} of the objects whose name begins so. Raises Refusal."""
        found: dict[str, int] = {}
        more = ""
        while True:
            query = {"list-type": "2", "prefix": prefix} | ({"continuation-token": more} if more else {})
            listed, more = objects(self._ask("listing", "GET", "", query=query))
            found |= listed
            if not more:
                return found

    def read(self, name: str) -> bytes:
        """Return an object's content. Raises Refusal."""
        return self._ask(f"reading {name}", "GET", name)

    def write(self, name: str, content: bytes) -> None:
        """Put an object there. Raises Refusal."""
        self._ask(f"writing {name}", "PUT", name, content)

    def exists(self) -> bool:
        """Return whether there is such a bucket. Raises Refusal if the storage does not say."""
        try:
            self._request("GET", "", b"", {"list-type": "2", "max-keys": "1"})
        except StorageError as error:
            if error.code == "NoSuchBucket":
                return False
            raise explained(self.storage, error, "listing", time.time()) from None
        return True

    def _ask(
        self, doing: str, method: str, name: str, content: bytes = b"", query: Mapping[str, str] | None = None
    ) -> bytes:
        try:
            return self._request(method, name, content, query or {})
        except StorageError as error:
            raise explained(self.storage, error, doing, time.time()) from None

    def _request(self, method: str, name: str, content: bytes, query: Mapping[str, str]) -> bytes:
        address = urllib.parse.urlsplit(self.storage.endpoint)
        path = urllib.parse.quote(f"/{self.storage.bucket}/{name}" if name else f"/{self.storage.bucket}")
        words = urllib.parse.urlencode(sorted(query.items()), quote_via=urllib.parse.quote)
        headers = signed(
            method, address.netloc, path, words, content, self.storage.region, keys(self.credentials), time.time()
        )
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        connection = kind(address.netloc, timeout=SECONDS)
        try:
            connection.request(method, f"{path}?{words}" if words else path, content, headers)
            answer = connection.getresponse()
            body = answer.read()
        except ssl.SSLCertVerificationError as error:
            raise StorageError(0, "Certificate", error.verify_message) from None
        except (OSError, http.client.HTTPException) as error:
            raise StorageError(0, "NoAnswer", str(error) or type(error).__name__) from None
        finally:
            connection.close()
        if answer.status // 100 != 2:
            raise refused(answer.status, body, answer.getheader("Date"))
        return body


def bucket_of(places: Places) -> Bucket:
    """Return the bucket of the keeper's copy. Raises Refusal if none is declared."""
    if places.copy is None:
        raise Refusal(
            "This keeper has no copy.",
            "Its settings have no toybox:copy, so nothing leaves this machine.",
            "Write toybox:copy into Pulumi.keeper.yaml (docs/keeper.md), then `toybox init --stack keeper` and "
            "`pulumi up --stack keeper`.",
        )
    return Bucket(places.copy, places.etc / CREDENTIALS)


def keys(file: Path) -> tuple[str, str]:
    """Return (access key, secret key). Raises Refusal."""
    parsed = configparser.RawConfigParser()
    try:
        parsed.read_string(file.read_text())
        section = parsed["default"]
        return section["aws_access_key_id"], section["aws_secret_access_key"]
    except (OSError, KeyError, configparser.Error) as error:
        raise Refusal(
            f"{file} cannot be used: {type(error).__name__}.",
            "It has the keys of the bucket that the copy goes to.",
            "`pulumi up --stack keeper` puts it back.",
        ) from None


def signed(
    method: str,
    host: str,
    path: str,
    query: str,
    content: bytes,
    region: str,
    pair: tuple[str, str],
    now: float,
) -> dict[str, str]:
    """Return the headers of a request with AWS's signature, version 4. Pure. `path` and `query` are quoted."""
    access, secret = pair
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(content).hexdigest()
    headers = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": moment}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = "\n".join([method, path, query, lines, names, digest])
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return {
        **headers,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={names}, Signature={signature}",
    }


def local(element: ElementTree.Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def objects(listing: bytes) -> tuple[dict[str, int], str]:
    """Return ({name: bytes}, the token for the rest; "" if that is all) of S3's answer to a listing. Pure.

    Raises:
        Refusal: it is none.
    """
    try:
        root = ElementTree.fromstring(listing)  # noqa: S314 - see above
    except ElementTree.ParseError:
        root = ElementTree.Element("unreadable")
    if local(root) != "ListBucketResult":
        raise Refusal(
            "The object storage answers a listing with something else.",
            f"It begins with {listing[:60]!r}.",
            "See to toybox:copy.endpoint: it must be an S3 service.",
        )
    found = {}
    for entry in root:
        if local(entry) == "Contents":
            told = {local(part): part.text or "" for part in entry}
            found[told["Key"]] = int(told["Size"])
    told = {local(part): part.text or "" for part in root}
    return found, told.get("NextContinuationToken", "") if told.get("IsTruncated") == "true" else ""


def refused(status: int, body: bytes, date: str | None) -> StorageError:
    """Return the error that an answer tells of. Pure."""
    try:
        told = {local(part): part.text or "" for part in ElementTree.fromstring(body)}  # noqa: S314 - see above
    except ElementTree.ParseError:
        told = {}
    clock = parsedate_to_datetime(date).timestamp() if date else None
    return StorageError(status, told.get("Code", ""), told.get("Message", ""), clock)


def explained(storage: Storage, error: StorageError, doing: str, now: float) -> Refusal:
    """Return what an error of the storage means: the problem, its reason, and the way out. Pure."""
    where = f"bucket {storage.bucket} at {storage.endpoint}"
    answer = f"It answers: {error}."
    ahead = now - error.clock if error.clock else 0.0
    if error.code == "RequestTimeTooSkewed" or (error.status == 403 and abs(ahead) > CLOCKS_MAY_DIFFER):
        side = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'}" if ahead else "far from"
        return Refusal(
            f"The keeper's clock is {side} that of the object storage.",
            f"{answer} A request is valid for some minutes of its time only.",
            "`timedatectl` on the keeper: set its clock, and switch NTP on.",
        )
    match error.code, error.status:
        case ("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "AuthorizationHeaderMalformed", _):
            return Refusal(
                f"The object storage does not accept the keys, {doing} in {where}.",
                answer,
                "Put the right ones into the settings: `pulumi config rm toybox:copyAccessKey --stack keeper`, the "
                "same for toybox:copySecretKey, then `toybox init --stack keeper` and `pulumi up --stack keeper`.",
            )
        case ("NoSuchBucket", _):
            return Refusal(
                f"There is no {where}.",
                f"{answer} If it was deleted, every earlier copy went with it.",
                "See to toybox:copy.bucket, and to the account that has the bucket.",
            )
        case ("EntityTooLarge" | "QuotaExceeded" | "XMinioStorageFull", _) | (_, 413 | 507):
            return Refusal(
                f"The object storage is full: {where} takes no more.",
                f"{answer} So answers an account whose bought capacity is used up. Earlier copies are whole.",
                f"Buy capacity (ConoHa sells steps of 100 GB), then {AGAIN}",
            )
        case (_, 403 | 401):
            return Refusal(
                f"The object storage forbids {doing} in {where}.",
                answer,
                "The bucket may be somebody else's, the keys of another account, or no object storage is ordered.",
            )
        case ("Certificate", _):
            return Refusal(
                f"The object storage at {storage.endpoint} shows a certificate that is not trusted.",
                f"{error}. The keys are not sent to a stranger.",
                "See to toybox:copy.endpoint, and to the packages ca-certificates on the keeper.",
            )
        case ("NoAnswer", _):
            return Refusal(
                f"The object storage at {storage.endpoint} does not answer.",
                f"{error}. What is kept on this keeper is whole.",
                f"If it lasts, see to the way there (`curl -I {storage.endpoint}` on the keeper). {AGAIN}",
            )
        case _:
            return Refusal(
                f"The object storage failed, {doing} in {where}.",
                f"{answer} What is kept on this keeper is whole.",
                f"That is the storage's own trouble. {AGAIN}",
            )

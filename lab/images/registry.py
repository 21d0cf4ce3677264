"""The lab's registry by its HTTP API: which images it has, and putting one there.

Sources: the distribution project's API (https://distribution.github.io/distribution/spec/api/) and image manifest
version 2, schema 2.
"""

import hashlib
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from lab.images.context import Context, File

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar"
"""Not compressed: a layer never leaves the machine, and each new server would inflate it again."""

TIMEOUT = 60
"""Seconds without an answer after which a request fails."""


@dataclass(frozen=True)
class Registry:
    """A registry at `address` (host:port) whose certificate is signed by the authority in the file `ca`."""

    address: str
    ca: Path

    def digest(self, name: str, tag: str) -> str | None:
        """The digest of the image `name`:`tag`, or None if the registry does not have it."""
        answer = self._request("HEAD", f"{name}/manifests/{tag}", headers={"Accept": MANIFEST}, absent_is_fine=True)
        return answer.headers["Docker-Content-Digest"] if answer.ok else None

    def upload(self, name: str, tag: str, archive: Path) -> str:
        """Put an image, as `docker save` writes it, into the registry as `name`:`tag`; return its digest."""
        with tarfile.open(archive) as saved:
            (image,) = json.loads(_member(saved, "manifest.json"))
            layers = [self._put_blob(name, LAYER, _member(saved, path)) for path in image["Layers"]]
            config = self._put_blob(name, CONFIG, _member(saved, image["Config"]))
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
        return self._put_manifest(name, tag, manifest)

    def derive(self, name: str, tag: str, new_tag: str, files: Mapping[str, bytes]) -> str:
        """Put the image `name`:`tag` with some files added or replaced as `new_tag`; return its digest.

        For rehearsing a bad release: an image that differs from the good one in one broken file needs no build.
        """
        manifest = self._request("GET", f"{name}/manifests/{tag}", headers={"Accept": MANIFEST}).json()
        config = self._request("GET", f"{name}/blobs/{manifest['config']['digest']}").json()
        layer = Context({path: File(content) for path, content in files.items()}).tar()
        config["rootfs"]["diff_ids"].append(_digest(layer))
        config["history"].append({"created_by": f"derived from {name}:{tag}"})
        manifest["layers"].append(self._put_blob(name, LAYER, layer))
        manifest["config"] = self._put_blob(name, CONFIG, json.dumps(config).encode())
        return self._put_manifest(name, new_tag, manifest)

    def _put_manifest(self, name: str, tag: str, manifest: Mapping[str, object]) -> str:
        content = json.dumps(manifest).encode()
        answer = self._request("PUT", f"{name}/manifests/{tag}", data=content, headers={"Content-Type": MANIFEST})
        return answer.headers["Docker-Content-Digest"]

    def _put_blob(self, name: str, media_type: str, content: bytes) -> dict[str, object]:
        digest = _digest(content)
        if not self._request("HEAD", f"{name}/blobs/{digest}", absent_is_fine=True).ok:
            upload = self._request("POST", f"{name}/blobs/uploads/").headers["Location"]
            self._request("PUT", upload, params={"digest": digest}, data=content)
        return {"mediaType": media_type, "size": len(content), "digest": digest}

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
        absent_is_fine: bool = False,
    ) -> requests.Response:
        """One call; `path` is below /v2/, or a whole address that the registry gave."""
        url = path if path.startswith("https://") else f"https://{self.address}/v2/{path}"
        answer = requests.request(
            method, url, params=params, data=data, headers=headers, verify=str(self.ca), timeout=TIMEOUT
        )
        if not (absent_is_fine and answer.status_code == requests.codes.not_found):
            answer.raise_for_status()
        return answer


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _member(archive: tarfile.TarFile, path: str) -> bytes:
    file = archive.extractfile(path)
    if file is None:
        raise ValueError(f"{path} in an image's archive is not a file")
    return file.read()

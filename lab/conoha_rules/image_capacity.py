"""Image-save capacity: 50 GB are free, 500 more are bought at a time; saved volumes, ISO files and the snapshot use it.

Source: OpenAPI (`/v2/quota`, `/v2/images/total`, `/v3/{project}/volumes/{volume}/action`) and ConoHa's price table
(github.com/Aid-On/terraform-provider-conohavps `llms.txt`), where not said otherwise. The rules refuse; `answer` serves
the calls that Glance does not have.
"""

import re
from typing import Any

from lab.conoha_rules.book import FREE_CAPACITY as FREE
from lab.conoha_rules.cloud import Cloud, ServiceError
from lab.conoha_rules.rule import Call, Facts, Refusal, match

STEP = 500
"""GB that are sold at a time."""

Answer = tuple[int, Any]


def wanted_capacity(call: Call) -> int | None:
    """Return the capacity in GB that a PUT /quota asks for; None if ConoHa does not sell that size."""
    found = re.fullmatch(r"([0-9]+)GB", str(call.part("quota").get("image_size", "")))
    size = int(found[1]) if found else 0
    return size if size >= FREE and (size - FREE) % STEP == 0 else None


def sold_capacity(call: Call, facts: Facts) -> Refusal | None:
    """Refuse a capacity other than 50 GB and multiples of 500 more: 550GB, 1050GB, …"""
    if wanted_capacity(call) is not None:
        return None
    return Refusal(f"ConoHa sells image-save capacity of {FREE}GB and {STEP} more at a time, such as {FREE + STEP}GB")


def fits(size: int, facts: Facts) -> bool:
    """Return whether `size` GB more can be saved.

    UNCONFIRMED (saved-size): that the volume's whole size counts, and not what was written into it. Here: the whole.
    """
    return (size << 30) + facts.saved_bytes() <= facts.image_capacity() << 30


def snapshot_fits(call: Call, facts: Facts) -> Refusal | None:
    """Refuse a snapshot that does not fit: it uses the same capacity (price table).

    UNCONFIRMED (snapshot-capacity): what ConoHa answers when it does not fit. Here: it refuses.
    """
    volume = facts.volume(call.part("snapshot").get("volume_id", ""))
    if volume is None or fits(volume.size, facts):
        return None
    return Refusal(
        f"a snapshot of {volume.size} GB does not fit into ConoHa's image-save capacity of "
        f"{facts.image_capacity()} GB: buy more with PUT /v2/quota",
        413,
    )


def answer(call: Call, cloud: Cloud) -> Answer | None:
    """Return status and JSON for a call of the image service about capacity; None for any other call."""
    if match("GET", "/quota", call) is not None:
        return 200, shown(cloud.image_capacity())
    if match("PUT", "/quota", call) is not None:
        size = wanted_capacity(call) or FREE
        with cloud.book.changing() as state:
            state.image_capacity[cloud.project()] = size
        return 200, shown(size)
    if match("GET", "/images/total", call) is not None:
        return 200, {"images": {"size": cloud.saved_bytes()}}
    return None


def shown(size: int) -> dict[str, Any]:
    """Return a capacity as an answer has it."""
    return {"quota": {"image_size": f"{size}GB"}}


def never_completed(call: Call, cloud: Cloud) -> Answer | None:
    """Accept saving a volume that does not fit, and never complete the image (OpenAPI: "buy capacity, then save it
    again"). Return None if it fits, or for another call."""
    ids = match("POST", "/volumes/{volume}/action", call)
    action = call.part("os-volume_upload_image")
    volume = cloud.volume(ids["volume"]) if ids and action else None
    if volume is None or fits(volume.size, cloud):
        return None
    image = {"name": action.get("image_name"), "container_format": "bare", "disk_format": "raw"}
    status, made = cloud.services.ask("POST", "image", "/v2/images", cloud.token, image)
    if status != 201:
        raise ServiceError(f"glance answers {status} to POST /v2/images")
    upload = {"id": volume.id, "image_id": made["id"], "image_name": made["name"], "size": volume.size}
    return 202, {"os-volume_upload_image": {**upload, "status": "uploading", "volume_type": {"name": volume.type}}}

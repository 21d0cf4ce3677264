"""Servers: boot volume first, ConoHa's own name, and little that can be done while one runs.

Source: OpenAPI (`/v2.1/...`), where not said otherwise.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from conoha import flavors, names, user_data, volumes
from lab.conoha_rules.rule import Call, Facts, Refusal, Rule

ACTIONS = (
    *("os-start", "os-stop", "reboot", "rebuild", "resize", "confirmResize", "revertResize", "rescue", "unrescue"),
    *("hwVideoModel", "hwVifModel", "hwDiskBus"),
)
"""All that POST /servers/{id}/action takes. The last three are ConoHa's own."""

OWNED_METADATA = ("backup_status",)
"""Metadata of a server that ConoHa sets itself."""

ADMIN_PASSWORD = re.compile(
    r"(?=.*[A-Z])(?=.*[a-z])(?=.*([0-9]|[^A-Za-z0-9]))[A-Za-z0-9\\^$+\-*/|()\[\]{}.,?!_=&@~%#:;'\"]{9,70}"
)


def block_devices(call: Call) -> Sequence[Mapping[str, Any]]:
    """The block devices of a request for a server."""
    found = call.part("server").get("block_device_mapping_v2") or []
    return [device for device in found if isinstance(device, Mapping)]


# creating a server


def boot_volume_first(call: Call, facts: Facts) -> Refusal | None:
    """A server is made from a boot volume that exists: `imageRef` is not accepted, and every block device is a volume
    with a `uuid`."""
    server = call.part("server")
    if server.get("imageRef"):
        return Refusal("ConoHa makes no server from an image: make a boot volume first, and name it in a block device")
    if server.get("block_device_mapping"):
        return Refusal("ConoHa takes block_device_mapping_v2 only")
    devices = block_devices(call)
    if not devices:
        return Refusal("ConoHa makes a server from a boot volume: block_device_mapping_v2 has none")
    for device in devices:
        if not device.get("uuid") or device.get("source_type", "volume") != "volume":
            return Refusal("ConoHa takes only volumes that exist as block devices: each needs the uuid of one")
    return None


def boot_and_one_additional(call: Call, facts: Facts) -> Refusal | None:
    """The first volume is a boot volume, and one additional volume may follow (published example:
    skworks33/terraform-conoha-v3-api `create_gpu_server_with_existing_volumes`).

    UNCONFIRMED (two-volumes-at-creation): nobody published the log of a run with two volumes.
    """
    found = [facts.volume(device["uuid"]) for device in block_devices(call)]
    types = [volume.type if volume else "no volume" for volume in found]
    if types[0] != volumes.BOOT.name:
        return Refusal(f"ConoHa boots from a volume of type {volumes.BOOT.name}, and the first one is {types[0]}")
    if types[1:] not in ([], [volumes.DATA.name]):
        return Refusal(
            f"ConoHa attaches one volume of type {volumes.DATA.name} beside the boot volume, not {', '.join(types[1:])}"
        )
    return None


def boot_volume_fits_the_flavor(call: Call, facts: Facts) -> Refusal | None:
    """The 512 MB plan takes the 30 GB boot volume only, and no other plan does ("512MB plan can only attach 30GB":
    135yshr/orenovpn `docs/TROUBLESHOOTING.md`)."""
    flavor = flavors.FLAVORS.get(facts.flavor(call.part("server").get("flavorRef", "")) or "")
    volume = facts.volume(block_devices(call)[0]["uuid"])
    if flavor is None or volume is None or volume.size in flavor.boot_sizes:
        return None
    sizes = ", ".join(map(str, flavor.boot_sizes))
    return Refusal(f"ConoHa's plan {flavor.name} takes a boot volume of {sizes} GB, and this one has {volume.size}")


def hourly_flavors_only(call: Call, facts: Facts) -> Refusal | None:
    """The public API refuses prepaid plans, and knows no others than its own."""
    name = facts.flavor(call.part("server").get("flavorRef", ""))
    if name in flavors.FLAVORS:
        return None
    return Refusal(f"ConoHa has no flavor with this id: {call.part('server').get('flavorRef')!r}")


def no_networks(call: Call, facts: Facts) -> Refusal | Call:
    """There is no `networks` in the request: every server gets one port on the public network. Nova has to be told so,
    or it would ask back for a tenant that has a network of its own, too."""
    if call.part("server").get("networks"):
        return Refusal("ConoHa takes no `networks` for a server: it gives it one port on the public network")
    return call.with_part("server", {"networks": [{"uuid": facts.external_network()}]})


def name_of_its_own(call: Call, facts: Facts) -> Call:
    """Whatever name is sent, and GMO's own provider sends one, the server is called `vm-` and hexadecimal digits (GMO's
    test data: `vm-37806450-5c`)."""
    return call.with_part("server", {"name": f"vm-{secrets.token_hex(4)}-{secrets.token_hex(1)}"})


def name_tag(call: Call, facts: Facts) -> Refusal | None:
    """The name that people see is metadata, of a limited alphabet (GMO's skill)."""
    metadata = (call.part("server") or call.body).get("metadata") or {}
    tag = metadata.get("instance_name_tag")
    if tag is None or names.INSTANCE_NAME_TAG.fullmatch(str(tag)):
        return None
    return Refusal(f"ConoHa refuses instance_name_tag {tag!r}: 1 to 255 of A-Z a-z 0-9 _ -")


def metadata_given(call: Call, facts: Facts) -> Refusal | None:
    """Refuse a server without `metadata` (GMO's skill; OpenAPI does not say so). Without `instance_name_tag` in it the
    server has no name that people see."""
    if isinstance(call.part("server").get("metadata"), Mapping):
        return None
    return Refusal("ConoHa wants `metadata` of a new server: give it an instance_name_tag")


def user_data_by_config_drive(call: Call, facts: Facts) -> Call | None:
    """Drop user_data without `config_drive`, silently (field: 135yshr/orenovpn `docs/TROUBLESHOOTING.md`). Others use
    it without (skworks33/terraform-conoha-v3-api `main.tf`)."""
    server = call.part("server")
    if server.get("config_drive") or "user_data" not in server:
        return None
    del server["user_data"]
    return replace(call, body={**call.body, "server": server})


def plain_user_data(call: Call, facts: Facts) -> Refusal | None:
    """Plain text of 16 KiB with one of five beginnings; gzip is refused (field: 135yshr/orenovpn).

    UNCONFIRMED (user-data-size): whether the limit is on the text or on its base64. Here: on both.
    """
    encoded = call.part("server").get("user_data")
    if not encoded:
        return None
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return Refusal("user_data is not base64")
    if raw.startswith(b"\x1f\x8b"):
        return Refusal("user_data is compressed, and ConoHa refuses gzip")
    try:
        problem = user_data.problem(raw.decode())
    except UnicodeDecodeError:
        problem = "user_data is not text, and ConoHa takes text only"
    return Refusal(problem) if problem else None


def admin_password(call: Call, facts: Facts) -> Refusal | None:
    """9 to 70 characters with upper case, lower case and a digit or a symbol.

    UNCONFIRMED (admin-password): GMO's skill wants a digit and a symbol, and one at all; OpenAPI is followed here.
    """
    password = (call.part("server") or call.part("rebuild")).get("adminPass")
    if password is None or ADMIN_PASSWORD.fullmatch(str(password)):
        return None
    return Refusal("ConoHa refuses this adminPass: 9 to 70 characters, with upper and lower case and a digit or symbol")


def complete_block_devices(call: Call, facts: Facts) -> Call:
    """Complete the block devices: ConoHa needs the `uuid` only, Nova needs the rest. A deleted server leaves its boot
    volume behind, whatever the request said (field: crowdy/conoha-cli 54db033)."""
    always = {"source_type": "volume", "destination_type": "volume", "delete_on_termination": False}
    devices = [
        {"boot_index": 0 if index == 0 else -1, **device, **always} for index, device in enumerate(block_devices(call))
    ]
    return call.with_part("server", {"block_device_mapping_v2": devices})


# a server that is there


def no_rename(call: Call, facts: Facts) -> Refusal:
    """PUT /servers/{id} is unsupported (field: crowdy/conoha-cli 2bb8328); the tag is what is changed."""
    return Refusal("ConoHa's servers keep their name: set instance_name_tag with POST /servers/{id}/metadata", 405)


def own_metadata_stays(call: Call, facts: Facts) -> Refusal | None:
    """Metadata that ConoHa sets itself cannot be changed."""
    owned = sorted(set(call.part("metadata")) & set(OWNED_METADATA))
    return Refusal(f"{owned[0]} is ConoHa's own metadata and cannot be changed") if owned else None


def metadata_is_added_to(call: Call, facts: Facts) -> Refusal:
    """Metadata is listed, and set one by one with POST; replacing and deleting is not in the API."""
    return Refusal(f"ConoHa's compute API has no {call.method} /v2.1{call.path}", 405)


def listed_actions_only(call: Call, facts: Facts) -> Refusal | None:
    """Not there are, among others, addSecurityGroup, removeSecurityGroup (field: crowdy/conoha-cli 62cf838),
    changePassword, createImage, shelve, pause and os-getConsoleOutput."""
    action = next(iter(call.body), "")
    if action in ACTIONS:
        return None
    return Refusal(f"ConoHa has no server action {action!r}: there are {', '.join(ACTIONS)}")


def running_server(call: Call, facts: Facts, what: str) -> Refusal | None:
    """A refusal if the call's server is not stopped."""
    server = facts.server(call.ids["server"])
    if server is None or server.stopped:
        return None
    return Refusal(f"ConoHa {what} stopped servers only, and this one is {server.status}: stop it first", 409)


def resize_when_stopped(call: Call, facts: Facts) -> Refusal | None:
    """Resizing needs status SHUTOFF."""
    return running_server(call, facts, "resizes") if "resize" in call.body else None


def attach_when_stopped(call: Call, facts: Facts) -> Refusal | None:
    """The server must be stopped."""
    return running_server(call, facts, "attaches volumes to")


def detach_when_stopped(call: Call, facts: Facts) -> Refusal | None:
    """The server must be stopped."""
    return running_server(call, facts, "detaches volumes from")


def one_additional_volume(call: Call, facts: Facts) -> Refusal | None:
    """At most one additional volume is attached to a server, and nothing else."""
    server = facts.server(call.ids["server"])
    wanted = facts.volume(call.part("volumeAttachment").get("volumeId", ""))
    if wanted is not None and wanted.type != volumes.DATA.name:
        return Refusal(f"ConoHa attaches volumes of type {volumes.DATA.name} only, and this one is {wanted.type}")
    attached = [facts.volume(volume) for volume in server.volumes] if server else []
    if not any(volume and volume.type == volumes.DATA.name for volume in attached):
        return None
    return Refusal("ConoHa attaches one additional volume to a server, and this one has one already", 409)


def boot_volume_stays(call: Call, facts: Facts) -> Refusal | None:
    """Boot volumes cannot be detached."""
    volume = facts.volume(call.ids["volume"])
    if volume is None or volume.type != volumes.BOOT.name:
        return None
    return Refusal("ConoHa does not detach boot volumes")


def ports_only(call: Call, facts: Facts) -> Refusal | None:
    """An additional port is made first and then attached: `net_id` would make one on the fly."""
    if call.part("interfaceAttachment").get("port_id"):
        return None
    return Refusal("ConoHa attaches ports that exist: interfaceAttachment needs a port_id")


def key_pair_name(call: Call, facts: Facts) -> Refusal | None:
    """Names of key pairs are of a limited alphabet (GMO's skill)."""
    name = str(call.part("keypair").get("name", ""))
    if names.KEY_PAIR.fullmatch(name):
        return None
    return Refusal(f"ConoHa refuses the key pair name {name!r}: A-Z a-z 0-9 _ - only")


def no_such_call(call: Call, facts: Facts) -> Refusal:
    """Nova's other ways to the same ends are not there."""
    return Refusal(f"ConoHa's compute API has no {call.method} /v2.1{call.path}", 404)


RULES = (
    # the request's own faults come before the cloud's state, as in Nova's own checks
    Rule("POST", "/servers", plain_user_data),
    Rule("POST", "/servers", user_data_by_config_drive),
    Rule("POST", "/servers", admin_password),
    Rule("POST", "/servers", boot_volume_first),
    Rule("POST", "/servers", boot_and_one_additional),
    Rule("POST", "/servers", hourly_flavors_only),
    Rule("POST", "/servers", boot_volume_fits_the_flavor),
    Rule("POST", "/servers", no_networks),
    Rule("POST", "/servers", metadata_given),
    Rule("POST", "/servers", name_tag),
    Rule("POST", "/servers", name_of_its_own),
    Rule("POST", "/servers", complete_block_devices),
    Rule("PUT", "/servers/{server}", no_rename),
    Rule("POST", "/servers/{server}/metadata", name_tag),
    Rule("POST", "/servers/{server}/metadata", own_metadata_stays),
    Rule("PUT", "/servers/{server}/metadata", metadata_is_added_to),
    Rule("PUT DELETE", "/servers/{server}/metadata/{key}", metadata_is_added_to),
    Rule("POST", "/servers/{server}/action", listed_actions_only),
    Rule("POST", "/servers/{server}/action", resize_when_stopped),
    Rule("POST", "/servers/{server}/action", admin_password),
    Rule("POST", "/servers/{server}/os-volume_attachments", attach_when_stopped),
    Rule("POST", "/servers/{server}/os-volume_attachments", one_additional_volume),
    Rule("PUT", "/servers/{server}/os-volume_attachments/{volume}", no_such_call),
    Rule("DELETE", "/servers/{server}/os-volume_attachments/{volume}", boot_volume_stays),
    Rule("DELETE", "/servers/{server}/os-volume_attachments/{volume}", detach_when_stopped),
    Rule("POST", "/servers/{server}/os-interface", ports_only),
    Rule("POST", "/os-keypairs", key_pair_name),
    Rule("*", "/os-volumes_boot/**", no_such_call),
)

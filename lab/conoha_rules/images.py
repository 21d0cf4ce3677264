"""Images: ConoHa's own, saved volumes, and ISO files to boot from. Nothing else is uploaded.

Source: OpenAPI, `/v2/images`: "`iso` only" as disk_format; GET, POST, DELETE and PUT /file are all there is.
"""

from lab.conoha_rules.image_capacity import sold_capacity
from lab.conoha_rules.rule import Call, Facts, Refusal, Rule


def iso_only(call: Call, facts: Facts) -> Refusal | None:
    """qcow2 and raw images are not taken: a server's disk starts as one of ConoHa's images."""
    kind = call.body.get("disk_format")
    if kind == "iso":
        return None
    return Refusal(f"ConoHa takes images with disk_format `iso` only, not {kind!r}")


def no_such_call(call: Call, facts: Facts) -> Refusal:
    """Changing, importing, sharing and tagging of images are not in the API."""
    return Refusal(f"ConoHa's image API has no {call.method} /v2{call.path}", 404)


RULES = (
    Rule("POST", "/images", iso_only),
    Rule("PUT", "/quota", sold_capacity),
    Rule("PATCH", "/images/{image}", no_such_call),
    Rule("POST PUT", "/images/{image}/(?!file).+", no_such_call),
    Rule("POST PUT DELETE", "/tasks/**", no_such_call),
)

"""What ConoHa's automatic backup keeps: the rules without the calls (those are in conoha/automatic_backup.py).

Sources: GMO's OpenAPI of 2026-07-01 (`retention` 14 to 30, default 14; one run a night, the hour not to be chosen) and,
for the plan without it, ConoHa's price table of 2026-09-28 (github.com/Aid-On/terraform-provider-conohavps `llms.txt`).
"""

FEWEST_KEPT = 14
MOST_KEPT = 30

NOT_OFFERED_WITH = ("g2l-t-c1m512",)
"""The 512 MB plan."""


def kept(requested: int) -> int:
    """How many backups ConoHa keeps for whom `requested` are enough.

    Raises ValueError above 30: fewer than requested is not what was requested.
    """
    if requested > MOST_KEPT:
        raise ValueError(f"ConoHa keeps {MOST_KEPT} backups at most, not {requested}")
    return max(requested, FEWEST_KEPT)

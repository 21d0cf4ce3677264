"""The settings of a site's stack, for the program and for `toybox`. `settings.keeper` has those of a keeper's stack."""

from settings.catalogue import NAMESPACE
from settings.loading import from_pulumi, load, parse, sibling_settings
from settings.problems import SettingsError
from settings.site import (
    DECLARED,
    SECRETS,
    Adopted,
    Blank,
    DataVolume,
    Declared,
    Keeper,
    Kept,
    OpenStack,
    RestorePoint,
    Server,
    Settings,
    SnapshotPolicy,
    Tls,
)
from settings.ssh_keys import ssh_public_key

__all__ = [
    "DECLARED",
    "NAMESPACE",
    "SECRETS",
    "Adopted",
    "Blank",
    "DataVolume",
    "Declared",
    "Keeper",
    "Kept",
    "OpenStack",
    "RestorePoint",
    "Server",
    "Settings",
    "SettingsError",
    "SnapshotPolicy",
    "Tls",
    "from_pulumi",
    "load",
    "parse",
    "sibling_settings",
    "ssh_public_key",
]

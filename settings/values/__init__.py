"""Check single settings, where pydantic's constraints do not do: each check returns the value, or refuses it with the
reason and the way out.

The models name these checks. ConoHa's sizes, names and prices come from `conoha`.
"""

from settings.values import images, keeper, openstack, restore_points, secrets, server, site

__all__ = ["images", "keeper", "openstack", "restore_points", "secrets", "server", "site"]

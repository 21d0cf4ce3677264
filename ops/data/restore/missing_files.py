"""Count the rows whose file is not there, in the site's own words: Django knows which columns name files."""

import json

from ops.pulumi_cli import PulumiStack

SCRIPT = """
import json
from django.apps import apps
from django.db.models import FileField
found = {}
for model in apps.get_models():
    for field in model._meta.concrete_fields:
        if isinstance(field, FileField):
            names = model._base_manager.exclude(**{field.attname: ""}).values_list(field.attname, flat=True)
            missing = [name for name in names.iterator() if name and not field.storage.exists(name)]
            if missing:
                found[f"{model._meta.label}.{field.name}"] = missing
print(json.dumps(found))
"""


def missing(stack: PulumiStack, address: str) -> dict[str, list[str]]:
    """Return {model and field: names of files that are not there}. Raises OpsError if the site cannot be asked."""
    printed = stack.on_server(address, "docker exec -i web python manage.py shell", SCRIPT)
    return dict(json.loads(printed.strip().splitlines()[-1]))


def in_words(found: dict[str, list[str]]) -> list[str]:
    """Return a line for each field, or one that says that all are there. Pure."""
    lines = [
        f"{len(names)} rows of {field} without their file: {', '.join(names[:3])}{' …' if len(names) > 3 else ''}"
        for field, names in found.items()
    ]
    return lines or ["every row has its file"]

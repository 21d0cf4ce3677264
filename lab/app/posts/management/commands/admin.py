"""`manage.py admin`: an account for the admin site."""

import sys

from django.core.management.base import BaseCommand

from accounts.models import User


class Command(BaseCommand):
    """Makes the account, or gives it a new password."""

    help = "Make an administrator, or change one's password: it is read from standard input."

    def add_arguments(self, parser):
        parser.add_argument("--username", required=True)

    def handle(self, *, username: str, **_):
        user, _ = User.objects.get_or_create(
            username=username,
            defaults={"email": f"{username}@toybox.invalid", "is_staff": True, "is_superuser": True},
        )
        user.set_password(sys.stdin.readline().rstrip("\n"))
        user.save()

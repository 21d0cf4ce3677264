"""`manage.py seed`: fills the site with made-up people, posts, images and cards."""

import random
from datetime import date, datetime, timedelta
from io import BytesIO
from zoneinfo import ZoneInfo

from django.contrib.auth.hashers import make_password
from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from PIL import Image as Picture

from accounts.models import SsoToken, User
from posts.models import Card, Image, Post
from posts.tasks import make_thumbnail

START = datetime(2026, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo"))
WORDS = ("wooden", "train", "red", "robot", "paper", "plane", "tiny", "castle", "brass", "key", "kite")
NAMES = ("Aoi", "Haruto", "Yui", "Sota", "Rin", "Minato", "Mei", "Ren", "Sakura", "Yuma")
IMAGE_EVERY = 5
"""One post in so many has a picture."""

MEGABYTE = 10**6


class Command(BaseCommand):
    """The same numbers give the same data."""

    help = "Fill the site with made-up users, posts, images and cards."

    def add_arguments(self, parser):
        parser.add_argument("--users", type=int, required=True)
        parser.add_argument("--posts", type=int, required=True)
        parser.add_argument("--uploads-megabytes", type=int, default=0, help="more uploads, of so many MB together")

    @transaction.atomic
    def handle(self, *, users: int, posts: int, uploads_megabytes: int, **_):
        if User.objects.filter(username="user1").exists():
            raise CommandError("The site is seeded already.")
        chance = random.Random(f"{users} {posts} {uploads_megabytes}")  # noqa: S311, the same data each time is the point
        people = User.objects.bulk_create(_users(chance, users))
        SsoToken.objects.bulk_create(_tokens(chance, people))
        written = Post.objects.bulk_create(_posts(chance, people, posts))
        for post, created in zip(written, (START + timedelta(minutes=30 * n) for n in range(posts)), strict=True):
            post.created = created
        Post.objects.bulk_update(written, ["created"], batch_size=1000)
        Card.objects.bulk_create(
            Card(title=f"Card {n}", text=_text(chance, 8), link=f"https://toybox.invalid/{n}", order=n)
            for n in range(1, 6)
        )
        for post in written[::IMAGE_EVERY]:
            image = Image(post=post)
            image.file.save(f"seed-{post.pk}.png", ContentFile(_picture(chance)))
            make_thumbnail(image.pk)
        # a small picture, and bytes that no compression makes fewer: readers of PNG stop at its end
        picture = _picture(chance)
        for n in range(uploads_megabytes):
            image = Image(post=chance.choice(written))
            image.file.save(f"upload-{n}.png", ContentFile(picture + chance.randbytes(MEGABYTE - len(picture))))


def _users(chance: random.Random, count: int):
    # hashing a password takes a quarter of a second: they all have the same one
    password = make_password("seeded-password", salt="seededsalt")
    for n in range(1, count + 1):
        yield User(
            username=f"user{n}", email=f"user{n}@example.com", password=password,
            first_name=chance.choice(NAMES), last_name=f"Toyama{n}",
            birthday=date(1970, 1, 1) + timedelta(days=chance.randrange(12000)), date_joined=START,
        )  # fmt: skip


def _tokens(chance: random.Random, people: list[User]):
    for person in people[::3]:
        yield SsoToken(user=person, provider="sso.example", subject=str(person.pk), secret=chance.randbytes(24).hex())


def _posts(chance: random.Random, people: list[User], count: int):
    for _ in range(count):
        yield Post(author=chance.choice(people), body=_text(chance, chance.randrange(5, 40)))


def _text(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(WORDS, k=words)).capitalize() + "."


def _picture(chance: random.Random) -> bytes:
    """A PNG of 640 by 480 pixels: a few coloured blocks."""
    picture = Picture.new("RGB", (640, 480), tuple(chance.randbytes(3)))
    for _ in range(6):
        left, top = chance.randrange(560), chance.randrange(400)
        picture.paste(tuple(chance.randbytes(3)), (left, top, left + 80, top + 80))
    content = BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()

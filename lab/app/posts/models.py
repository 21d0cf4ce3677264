"""Posts, their images, cards, and the traces of the periodic job."""

from django.conf import settings
from django.db import models
from django.urls import reverse


class Post(models.Model):
    """What a user wrote, with any number of images."""

    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="posts")
    body = models.TextField(max_length=2000)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.body[:50]

    def get_absolute_url(self) -> str:
        return reverse("post", args=[self.pk])


class Image(models.Model):
    """An uploaded image. Its thumbnail is made by a Celery task, a moment later."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="images")
    file = models.ImageField(upload_to="images/%Y/%m")
    thumbnail = models.ImageField(upload_to="thumbnails/%Y/%m", blank=True)

    def __str__(self) -> str:
        return self.file.name


class Card(models.Model):
    """A link that the editors put beside the feed."""

    title = models.CharField(max_length=100)
    text = models.TextField(max_length=500, blank=True)
    link = models.URLField()
    order = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["order", "id"]

    def __str__(self) -> str:
        return self.title


class Heartbeat(models.Model):
    """Left by the periodic job each time it runs: proof that beat, Redis and the worker play together."""

    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return self.at.isoformat()

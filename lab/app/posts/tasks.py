"""What the worker does."""

from datetime import timedelta
from io import BytesIO
from pathlib import PurePosixPath

from celery import shared_task
from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image as Picture

from posts.models import Heartbeat, Image

THUMBNAIL = (320, 320)
HEARTBEATS_KEPT = timedelta(days=7)


@shared_task
def make_thumbnail(image_id: int) -> None:
    """Make an uploaded image's thumbnail. Run again, it makes nothing new."""
    image = Image.objects.filter(pk=image_id, thumbnail="").first()
    if image is None:  # made already, or the post is gone
        return
    with image.file.open() as file, Picture.open(file) as picture:
        picture.thumbnail(THUMBNAIL)
        content = BytesIO()
        picture.convert("RGB").save(content, "JPEG", quality=80)
    name = PurePosixPath(image.file.name).stem + ".jpg"
    image.thumbnail.save(name, ContentFile(content.getvalue()), save=False)
    image.save(update_fields=["thumbnail"])


@shared_task
def heartbeat() -> None:
    """Leave a trace, and clear away the old ones."""
    Heartbeat.objects.create()
    Heartbeat.objects.filter(at__lt=timezone.now() - HEARTBEATS_KEPT).delete()

"""Posts and cards on the admin site."""

from django.contrib import admin

from posts.models import Card, Heartbeat, Image, Post


class ImageInline(admin.TabularInline):
    """A post's images, on its page."""

    model = Image
    extra = 0


@admin.register(Post)
class PostAdmin(admin.ModelAdmin):
    """Posts."""

    list_display = ["__str__", "author", "created"]
    search_fields = ["body"]
    raw_id_fields = ["author"]
    inlines = [ImageInline]


@admin.register(Card)
class CardAdmin(admin.ModelAdmin):
    """Cards."""

    list_display = ["title", "link", "order"]


@admin.register(Heartbeat)
class HeartbeatAdmin(admin.ModelAdmin):
    """When the periodic job ran."""

    list_display = ["at"]

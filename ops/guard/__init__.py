"""`toybox guard`: reads what `pulumi up` would do, and refuses what loses data or opens a door.

It decides by a preview alone. It asks no cloud and changes nothing; what a preview cannot know, it cannot see
(docs/guard.md, "What it cannot see").
"""

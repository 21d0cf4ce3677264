"""One program a page, each run from top to bottom by `__main__.py`."""

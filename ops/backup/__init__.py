"""`toybox backup`: what the keeper keeps, asked of the keeper itself over its pinned SSH.

`asking` asks, `judge` decides what is wrong, `render` prints. Nothing here keeps or deletes anything: that is the
keeper's own work (keeper/).
"""

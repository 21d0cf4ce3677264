"""Restore points: what a data volume can be made from when the present one is lost or damaged.

On ConoHa they are the nightly backups of the server, on another OpenStack Cinder's snapshots (and backups, if somebody
makes them). `model` says what one is, `schedule` decides without asking anybody, the drivers talk to the cloud.
"""

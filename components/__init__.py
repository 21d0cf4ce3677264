"""TOYBOX's building blocks, in folders by lifetime: cloud, data, server, host, containers, then each service.

A type token names the folder: `toybox:data:DataVolume` is in components/data. Of `toybox:services:` are the parts of
containers/, and each service and each step between them under its own name. A file without a folder is shared by
several. docs/decisions.md has the reasons.
"""

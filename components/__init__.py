"""TOYBOX's building blocks: one Pulumi ComponentResource a file, or a folder where it brings files of its own."""

"""A cloud for one machine: OpenStack, servers as system containers, and the images of a stand-in TOYBOX. See
README.md."""

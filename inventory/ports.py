"""The TCP ports that a server opens."""

HTTP = 80
HTTPS = 443
WEB = (HTTP, HTTPS)
"""Open to everybody; the proxy publishes them."""

SSH = 22
"""Open to the operators' networks and the keeper."""

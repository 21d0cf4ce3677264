"""Live in the Docker of a host and go with its server: networks, named volumes, images, and containers with a gate."""

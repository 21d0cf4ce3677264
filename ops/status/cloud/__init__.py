"""Compare the cloud's resources of a stack with its state: neither a name in the cloud nor an id in the state proves a
resource by itself."""

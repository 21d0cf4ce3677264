"""What the server says of itself, over SSH."""

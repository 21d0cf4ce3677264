"""Report the server's own facts, over SSH."""

"""`toybox recover`: a production that is gone, from git, the passphrase and the keeper."""

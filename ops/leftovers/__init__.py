"""`toybox leftovers`: what killed updates left in the cloud, shown and removed."""

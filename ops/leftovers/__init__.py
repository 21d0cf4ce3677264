"""`toybox leftovers`: show and remove the resources that killed updates left in the cloud."""

"""`toybox restore`: a second of the database, or files, from what a keeper keeps."""

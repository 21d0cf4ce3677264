"""`toybox restore`: a volume from a restore point; a second of the database, or files, from what a keeper keeps."""

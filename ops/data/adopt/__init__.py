"""`toybox adopt`: a stack whose state was lost, or one that is to go on with another data volume."""

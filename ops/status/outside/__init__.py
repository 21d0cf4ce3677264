"""Report the visitors' view of the site."""

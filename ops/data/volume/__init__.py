"""A stack's data volume as the state and the settings have it: found, taken out of the state, given another origin."""

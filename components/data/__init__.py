"""Outlive the server: the data volume, and the policy by which ConoHa takes its restore points."""

"""The program of the stack that Pulumi runs: a site of TOYBOX, or the keeper of its backups.

`toybox:environment` says which. Without it, or with a word that neither knows, the site's settings tell what is wrong.
"""

import runpy

import pulumi

PROGRAMS = {"keeper": "programs.keeper"}
SITE = "programs.site"

# Run and not imported: a module is run once in a process, and tests run it for one stack after the other.
runpy.run_module(PROGRAMS.get(pulumi.Config("toybox").get("environment") or "", SITE))

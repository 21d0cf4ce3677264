"""Where the stacks' state lives: the bucket, the keys that open it, and the exports that are kept in it.

Pulumi reads and writes its state by itself. What stands here is around it: `toybox init` makes the bucket, and
`toybox state` keeps a copy of the state after each deployment and gets an older one back.
"""

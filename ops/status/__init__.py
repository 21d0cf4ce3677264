"""`toybox status`: show a stack from the cloud, from outside and from inside, each thing on a line of its own.

Pure functions judge. Each thing has a file, in folders by the place of the look: `cloud/`, `outside/`, `inside/`.
`look` asks, `render` prints.
"""

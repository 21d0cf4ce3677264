"""`toybox status`: how a stack is, seen from the cloud, from outside and from inside, each thing on a line of its own.

The functions that judge are pure, a file for each thing, in folders by where one looks: `cloud/`, `outside/`,
`inside/`. `look` asks, `render` prints.
"""

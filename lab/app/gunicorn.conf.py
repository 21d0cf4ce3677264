"""Gunicorn's settings, read from its working directory; the command line's come on top."""

# its control socket would lie in the app's folder, which the app may not write to
control_socket_disable = True

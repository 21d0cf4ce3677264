"""Gunicorn's settings, read from its working directory; the command line's come on top."""

# its control socket would lie in the app's folder, which the app may not write to
control_socket_disable = True

# the app is loaded once and shared by the processes
preload_app = True

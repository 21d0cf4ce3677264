"""What runs in OpenStack's own virtual environment: serve.py, the lab's drivers, and the configuration templates."""

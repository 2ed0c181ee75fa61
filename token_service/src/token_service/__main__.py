"""`python -m token_service --config=FILE`."""

from .app import TokenServiceApp

TokenServiceApp.launch_instance()

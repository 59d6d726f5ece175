"""Directories of hosts: what lies there by a listing that the archive has no part in, and what comes back."""

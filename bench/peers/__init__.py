"""What the hub is compared with: each does the same work in its own way, on the same PostgreSQL."""

"""Settings of the embedded PostgreSQL."""

CONFIGURATION = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "wal_compression": "off",
    "wal_buffers": "64MB",
    "jit": "off",
    "max_connections": "100",
    "checkpoint_timeout": "15min",
    "autovacuum": "on",
    "fsync": "on",
    "log_line_prefix": "%m [%p] ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

"""What the hub knows of itself: metrics, statistics, reconciliation, heartbeats."""

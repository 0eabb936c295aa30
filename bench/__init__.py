"""What is timed: the hub beside a floor, in the same run, on the same PostgreSQL."""

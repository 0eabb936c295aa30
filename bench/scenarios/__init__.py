"""What is measured: one scene a file, each giving lines of the table."""

"""`integrahub load`: a bounded load on a hub, and whether every record of it was accounted for."""

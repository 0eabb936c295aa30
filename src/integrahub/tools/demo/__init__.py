"""Demo: post a real catalogue to a real hub and check every figure."""

"""S3 as the object storage."""

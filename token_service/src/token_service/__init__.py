"""Short-lived S3 keys for workspaces, by the calls of AWS STS."""

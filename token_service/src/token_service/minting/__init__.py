"""Where keys come from: one module for each way in which S3 services make keys that end."""

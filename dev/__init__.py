"""What `make` runs: programs and images of the platform, built and kept on this machine."""

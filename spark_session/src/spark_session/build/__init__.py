"""`spark-session build`: a project's folder as a versioned image on top of the notebook image, by a builder of this machine."""

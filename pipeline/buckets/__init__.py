"""Object stores behind one interface: S3, Google Cloud Storage, Azure."""

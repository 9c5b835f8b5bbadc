"""Find documents and open their bytes: folders, archives, manifests, buckets, web addresses."""

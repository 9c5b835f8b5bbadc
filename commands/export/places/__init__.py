"""The places that an export writes: files and folders that appear whole, and buckets."""

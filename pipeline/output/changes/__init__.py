"""Change rows of visible shards, each shard in one step under its own name."""

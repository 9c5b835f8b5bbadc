"""The comparison of two outputs: pages whose text, status or flags differ, and the words that do."""

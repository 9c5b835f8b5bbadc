"""Checkpoints: their config, their tensor names, and seeded ones for tests."""

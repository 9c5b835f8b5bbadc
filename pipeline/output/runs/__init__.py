"""What a run leaves beside its rows: its record, and in it the settings that its rows were made with."""

"""From records to conversations, edges and coverage: the one step that reads all records."""

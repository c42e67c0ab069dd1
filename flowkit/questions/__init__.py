"""What is asked of edges and coverage: each module answers one question."""

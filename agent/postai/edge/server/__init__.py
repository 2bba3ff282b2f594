"""The face of the edge: an asyncio process that accepts clients and moves their bytes."""

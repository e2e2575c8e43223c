"""How a search went: facts from its records, a file a topic, and beside each the picture of it."""

"""A chosen network made real: trained in full, tested, pruned, quantized, exported."""

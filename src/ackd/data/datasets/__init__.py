"""What a data set is made of: benchmarks by name, class maps, and the labelled files on disk."""

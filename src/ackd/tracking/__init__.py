"""Where the numbers and words of a run go: metrics.csv, train.log, W&B and TensorBoard."""

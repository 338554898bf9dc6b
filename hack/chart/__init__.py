"""What is derived of the chart's values: the README's tables, and the copy that templates read."""

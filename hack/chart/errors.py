"""What can be wrong with the chart's files."""


class ChartError(Exception):
    """The chart's files don't fit one another; the text says which, and what to do."""

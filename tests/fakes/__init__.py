"""Stateful doubles of the servers that our code talks to; they fail on demand."""

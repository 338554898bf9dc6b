"""The controller's configuration, from flags and variables into one frozen object."""

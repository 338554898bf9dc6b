"""What every test runs with: nothing it started may outlive it."""

pytest_plugins = ["tests.leaks", "tests.parallel"]

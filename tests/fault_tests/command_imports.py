"""What a command imports, done once for all of them."""

import tests.fault_tests.command_runner  # noqa: F401

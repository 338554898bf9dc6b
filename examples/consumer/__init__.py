"""An application that signs in with its pod's workload identity: nothing here knows a secret."""

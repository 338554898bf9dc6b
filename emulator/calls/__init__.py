"""What is asked of the emulator: each call's record, the faults that meet it, its refusal."""

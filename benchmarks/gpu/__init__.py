"""What a GPU has to prove in minutes: stages with a time limit each; docs/gpu.md says what for."""

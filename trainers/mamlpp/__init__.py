"""MAML++ in pure pieces: schedules, step sizes, the inner loop and the meta-step."""

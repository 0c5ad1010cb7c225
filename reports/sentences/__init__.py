"""What an ablation found, in sentences."""

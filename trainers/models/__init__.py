"""Networks for few-shot learning."""

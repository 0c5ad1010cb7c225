"""The stores of a home: where they are, how they are made and opened, and who may write."""

"""Learning curves of random configs, trained to the end, on three problems; pruners are evaluated on them."""

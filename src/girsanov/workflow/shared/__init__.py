"""What several calls share: the data and the model, the budget, the places of results."""

"""Whether draws given y can be trusted: pairs that the model has not seen, ranked among draws."""

"""Names that an option may take, for whoever refuses others before torch is imported."""

NETWORK_CHOICES = ("auto", "mlp", "columns", "conv", "unet")
OBJECTIVES = ("edm", "ledger")
TRAINING_PRECISIONS = ("float32", "bfloat16")  # float16 would need its loss scaled
TARGETS = ("diffusers", "timesteps", "sigmas", "eta")  # of `girsanov export`

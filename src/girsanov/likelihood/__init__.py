"""Likelihoods: what held-out data cost in nats and bits under the sampler that is run."""

"""The operators' browser and Prometheus: our page, metrics and alerts inside Flower."""

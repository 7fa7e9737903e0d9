"""What the pipeline does, one plain function a step; no queue and no screen."""

"""What a solution uses, judged: manifests in; a verdict on each version, a decision by policy, and reports out."""

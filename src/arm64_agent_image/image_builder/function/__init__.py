"""What runs in AWS Lambda: the custom resource's provider, and the steps that wait for a build."""

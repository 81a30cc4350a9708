"""CloudFormation's side of the custom resource: the request as it arrives, the response as it is sent."""

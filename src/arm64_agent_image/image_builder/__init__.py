"""Deploy-time half of arm64-agent-image: two Lambda functions that have CodeBuild build a linux/arm64 image.

``on_event`` answers CloudFormation's request by starting, or finding, one build; ``is_complete`` follows that
build and verifies the image it pushed.
"""

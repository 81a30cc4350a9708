"""The rehearsal: the real CDK CLI deploys to AWS emulated on 127.0.0.1. See README.md in this folder."""

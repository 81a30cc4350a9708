"""The AWS services that the function calls, one module each, their clients and their errors."""

"""The OCS layer: envelope, parameters, authentication, errors, throttling."""

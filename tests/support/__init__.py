"""What tests share: small models and data sets, other people's forms of files, a browser, a service."""

"""Schemas in words: a description becomes tables, a wish becomes the DDL that fulfils it and the DDL that leads back."""  # noqa: E501

from .solver import cli

cli()

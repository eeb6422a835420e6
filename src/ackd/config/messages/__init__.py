"""Every text about a wrong command line; which file makes it depends on what is wrong.

=================  =================================================================
``options``        a name that does not exist: which was meant, how one is added, what
                   there is instead of another framework's option
``removed``        an option of an earlier version: what replaced it
``values``         a value that the schema refuses: what was expected
``overrides``      an override that Hydra cannot read or compose
``cli_errors``     the end of a command: one sentence instead of a stack trace
=================  =================================================================

The nearest right name is looked for in :mod:`ackd.errors`, for the layers below too. Nothing is
imported here: ``--help`` and ``--cfg`` need names, but no schema.
"""

"""The configuration: where it lies, what it may hold, and what is said when it is wrong.

Nothing is imported here: ``--help`` and ``--cfg`` need the folder alone, without the schema.
"""

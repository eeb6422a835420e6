"""The configuration: what options there are, what is checked, and what is said when one is wrong.

The way of a run, from the command line to what it is started with:

1. ``command_line`` quotes paths, so that Hydra's grammar takes them; ``help`` answers ``--help``.
2. ``run_names`` and ``location`` fill in names and folders while Hydra composes ``conf/``.
3. ``schema`` says which options there are: their types, their ranges, and which of them make a run
   this run (``schema.identity``).
4. ``check`` holds a composed configuration against the schema, looks for contradictions and for
   what is missing on this machine, and builds everything once.
5. ``launch`` makes what a run is started with: Trainer arguments, processes, schedules, callbacks
   and other objects by ``_target_``.

Every text about a wrong option is made in ``messages``, except where a rule and its text are one
(``check.consistency``, ``launch.trainer``).

Nothing is imported here: ``--help`` and ``--cfg`` need the folder alone, without the schema.
"""

"""Errors that a user can act on."""


class UserError(Exception):
    """Something outside the code is wrong: a file, a setting, a machine.

    The message is one line that names the file or configuration key, what is wrong, what is allowed and what to do.
    Programs print it without a traceback; any other exception is a bug and keeps its traceback.
    """

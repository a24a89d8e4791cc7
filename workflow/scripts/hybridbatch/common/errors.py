"""Errors that a user can act on."""


class UserError(Exception):
    """A file, a setting or a machine is not as it should be.

    The message is one line: the file or configuration key, what is wrong, what is allowed and what to do. Programs print it without
    a traceback; any other exception is a bug and keeps its traceback.
    """

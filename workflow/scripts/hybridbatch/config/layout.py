"""What tables and figures show, and in which order."""

from pydantic import Field

from hybridbatch.config.base import Section


class Layout(Section):
    """What the tables of an experiment have in common; it follows from several sections of the configuration."""

    benchmarks: list[str] = Field([], description="benchmarks, in the order of the tables")
    strategies: list[str] = Field([], description="trained strategies that are compared, in the order of the tables")
    metrics: dict[str, list[str]] = Field({}, description="measures that each table shows, by setting")
    main: dict[str, str] = Field({}, description="main measure of benchmarks for which it is not the first of a table")
    unseen: list[str] = Field([], description="languages that no training source has")
    notice: str | None = Field(None, description="a sentence above every table")

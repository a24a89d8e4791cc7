"""The generated documentation of the configuration is up to date."""

import json
from pathlib import Path

from hybridbatch.config.documentation import readme, schema
from hybridbatch.config.experiment import Config

CONFIG = Path(__file__).parents[3] / "config"


def test_schema_is_up_to_date() -> None:
    assert (CONFIG / "schema.json").read_text(encoding="utf-8") == schema(), "outdated: run `make config`"


def test_readme_is_up_to_date() -> None:
    comments = {
        file.name: file.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        for file in sorted(CONFIG.glob("*.yaml"))
    }
    assert (CONFIG / "README.md").read_text(encoding="utf-8") == readme(comments), "outdated: run `make config`"


def test_every_key_has_a_description() -> None:
    def missing(part: dict[str, object], place: str) -> list[str]:
        properties = part.get("properties", {})
        assert isinstance(properties, dict)
        return [f"{place}.{name}" for name, value in properties.items() if "description" not in value]

    whole = json.loads(schema())
    assert [*missing(whole, "Config"), *(key for n, d in whole["$defs"].items() for key in missing(d, n))] == []
    assert len(whole["$defs"]) > 8
    assert Config.model_fields.keys() == whole["properties"].keys()

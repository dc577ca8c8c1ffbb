"""What every model of the API shares: camelCase on the wire, frozen in memory, unknown fields refused.

The operator reads with `extra="ignore"` (the CRD may be newer than it); the CLI and local mode keep the
default and refuse, because there an unknown field is a typing error.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class ApiModel(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
    )

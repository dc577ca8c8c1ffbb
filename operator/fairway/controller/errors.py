"""The errors of the controller.

FairwayError
└── ControllerError
    ├── SettingsWrong       the process was given settings that it cannot work with
    ├── RoutersBusy         a revision cannot go yet: a router still sends it requests
    └── NotServing          an installation does not do what it is for
"""

from __future__ import annotations

from fairway.api.errors import FairwayError


class ControllerError(FairwayError):
    """The operator cannot do what was asked."""


class SettingsWrong(ControllerError):
    """The settings of the process cannot be used."""


class RoutersBusy(ControllerError):
    """Something may not be deleted while a router uses it."""


class NotServing(ControllerError):
    """A check of the installation failed."""

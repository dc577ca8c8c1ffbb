"""Every error of the demo.

DemoError
├── ConversionError     an ONNX file answers differently from the scikit-learn model it was made of
├── ManifestError       the manifest template has lost the line that names the model file
└── UnreadableAnswerError   bytes that are not the HTTP answer the load generator waits for
"""

from __future__ import annotations


class DemoError(Exception):
    """Anything that the demo itself found wrong."""


class ConversionError(DemoError):
    """An ONNX file answers differently from the scikit-learn model it was made of."""


class ManifestError(DemoError):
    """The manifest template does not have exactly one line that names the model file."""


class UnreadableAnswerError(DemoError):
    """Bytes on a connection that are not the HTTP answer which was waited for."""

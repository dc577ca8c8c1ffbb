"""Archives as an attacker packs them."""

from __future__ import annotations

import io
import stat
import tarfile
import warnings
import zipfile
from collections.abc import Callable

Pack = Callable[[], bytes]


def tar(*members: tuple[str, bytes] | tarfile.TarInfo, mode: str = "w:gz") -> bytes:
    """A tar archive of files, and of members that are made by hand."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for one in members:
            if isinstance(one, tarfile.TarInfo):
                archive.addfile(one)
                continue
            member = tarfile.TarInfo(one[0])
            member.size = len(one[1])
            archive.addfile(member, io.BytesIO(one[1]))
    return out.getvalue()


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def big_header() -> bytes:
    """A header that says that two gigabytes of header follow."""
    member = tarfile.TarInfo("pax")
    member.type, member.size = tarfile.XHDTYPE, 2 << 30
    return member.tobuf(tarfile.PAX_FORMAT) + bytes(1024)


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # that two members have one name is what we are after
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def zip_link() -> bytes:
    member = zipfile.ZipInfo("link")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return zipped((member, b"/etc/passwd"))


def encrypted() -> bytes:
    """An archive whose member says that a password is needed."""
    content = bytearray(zipped(("m", b"secret")))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


NOISE = bytes((i * i * 7 + i // 3) % 256 for i in range(40_000))
ARCHIVES: dict[str, tuple[str, Pack, str]] = {
    "absolute path": ("tgz", lambda: tar(("/etc/x", b"1")), "not a path inside the model's folder"),
    "path that leads out": ("tgz", lambda: tar(("a/../../x", b"1")), "not a path inside the model's folder"),
    "folder that leads out": (
        "tgz",
        lambda: tar(special("../x", tarfile.DIRTYPE)),
        "not a path inside the model's folder",
    ),
    "symbolic link": ("tgz", lambda: tar(special("l", tarfile.SYMTYPE, "/etc")), "'l' is a symbolic link"),
    "hard link": (
        "tar",
        lambda: tar(special("l", tarfile.LNKTYPE, "/etc/x"), mode="w"),
        "'l' is a hard link",
    ),
    "device": ("tgz", lambda: tar(special("d", tarfile.CHRTYPE)), "'d' is a device"),
    "pipe": ("tgz", lambda: tar(special("p", tarfile.FIFOTYPE)), "'p' is a pipe"),
    "sparse file": ("tar", lambda: tar(special("s", tarfile.GNUTYPE_SPARSE), mode="w"), "sparse"),
    "bomb": ("tgz", lambda: tar(("m", bytes(30 << 20))), "unpacks to more than 16777216"),
    "two files of one name": ("tgz", lambda: tar(("m", b"1"), ("./m", b"2")), "two files named 'm'"),
    "file under a file": ("tgz", lambda: tar(("m", b"1"), ("m/x", b"2")), "both a file and a folder"),
    "file over a folder": ("tgz", lambda: tar(("m/x", b"1"), ("m", b"2")), "both a file and a folder"),
    "too many files": ("tgz", lambda: tar(*((str(i), b"") for i in range(30))), "more than 20 files"),
    "nothing": ("tgz", lambda: tar(special("d", tarfile.DIRTYPE)), "holds no file"),
    "backslash": ("tgz", lambda: tar(("a\\b", b"1")), "rename the file"),
    "line break": ("tgz", lambda: tar(("a\nb", b"1")), "rename the file"),
    "big header": ("tar", big_header, "a header that is too large"),
    "cut tar": ("tgz", lambda: cut(tar(("m", NOISE))), "the archive is broken"),
    "cut plain tar": ("tar", lambda: cut(tar(("m", NOISE), mode="w")), "the archive is broken"),
    "web page": ("tgz", lambda: b"<html>log in</html>", "named like an archive and is none"),
    "web page as tar": ("tar", lambda: b"<html>log in</html>", "named like an archive and is none"),
    "web page as zip": ("zip", lambda: b"<html>log in</html>", "named like an archive and is none"),
    "zip: path that leads out": ("zip", lambda: zipped(("../x", b"1")), "not a path inside"),
    "zip: absolute path": ("zip", lambda: zipped(("/x", b"1")), "not a path inside"),
    "zip: symbolic link": ("zip", zip_link, "'link' is a symbolic link"),
    "zip: bomb": ("zip", lambda: zipped(("m", bytes(30 << 20))), "unpacks to more than 16777216"),
    "zip: two files of one name": ("zip", lambda: zipped(("m", b"1"), ("m", b"2")), "two files named 'm'"),
    "zip: encrypted": ("zip", encrypted, "is encrypted"),
    "zip: cut": ("zip", lambda: cut(zipped(("m", NOISE))), "the archive is broken"),
    "zip: backslash": ("zip", lambda: zipped(("a\\b", b"1")), "rename the file"),
}
"""By what is wrong: the suffix, how it is packed, words of the sentence."""

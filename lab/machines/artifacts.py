"""K3s' release files as clusterctl finds them: the stand-in as one executable file, images, checksums.

The executable is a script whose interpreter line is followed by noise up to the size of the real thing; the program
itself is a zip at the end of the file, which is where Python looks for it, so starting it does not read the noise.
"""

import hashlib
import importlib.util
import io
import os
import random
import shutil
import zipfile

from . import settings

# The real one has 70: its checksum is asked for at every look, which is a sixth of what a test costs.
BINARY_BYTES = int(os.environ.get("LAB_K3S_MEBIBYTES", "8")) * 1024 * 1024
IMAGES_BYTES = 4 * 1024 * 1024
_INTERPRETER = b"#!/usr/bin/python3 -I\n"


def _program(version):
    """The zip with the stand-in's modules, compiled, and the version that it claims to be."""
    buffer = io.BytesIO()
    source = os.path.join(settings.SOURCE, "k3s")
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        def add(name, data):
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)

        add("__main__.py", b"from k3s.__main__ import main\nmain()\n")
        add("k3s/version.txt", version.encode())
        for name in sorted(os.listdir(source)):
            if name.endswith(".py"):
                with open(os.path.join(source, name), "rb") as file:
                    text = file.read()
                add("k3s/" + name, text)
                code = compile(text, "k3s/" + name, "exec", dont_inherit=True, optimize=0)
                add("k3s/" + name + "c", _bytecode(code))
    return buffer.getvalue()


def _bytecode(code):
    import marshal

    # Flags 1: checked by nobody, so that no time stamp enters the file.
    return importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8) + marshal.dumps(code)


def _noise(seed, size):
    return random.Random(seed).randbytes(size)


def _write(path, *parts):
    """Returns the SHA-256 of what is written; the file changes at once or not at all."""
    digest = hashlib.sha256()
    with open(path + ".new", "wb") as file:
        for part in parts:
            file.write(part)
            digest.update(part)
    os.chmod(path + ".new", 0o755)
    os.rename(path + ".new", path)
    return digest.hexdigest()


def build(version, directory=settings.ARTIFACTS):
    """Writes the release files of a version; `K3S_BINARY` in the environment names a real k3s to use instead."""
    os.makedirs(directory, exist_ok=True)
    binary = os.path.join(directory, settings.K3S_FILE)
    real = os.environ.get("K3S_BINARY")
    if real:
        shutil.copyfile(real, binary)
        os.chmod(binary, 0o755)
        with open(binary, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    else:
        digest = _write(binary, _INTERPRETER, _noise(version, BINARY_BYTES), b"\n", _program(version))
    images = f"k3s-airgap-images-{settings.ARCH}.tar.zst"
    images_digest = _write(os.path.join(directory, images), _noise(version + images, IMAGES_BYTES))
    os.chmod(os.path.join(directory, images), 0o644)
    with open(os.path.join(directory, f"sha256sum-{settings.ARCH}.txt"), "w", encoding="utf-8") as file:
        file.write(f"{digest}  {settings.K3S_FILE}\n{images_digest}  {images}\n")


def corrupt(directory=settings.ARTIFACTS):
    """Turns one byte in the middle of the binary around; `build` puts it right."""
    with open(os.path.join(directory, settings.K3S_FILE), "r+b") as file:
        file.seek(BINARY_BYTES // 2)
        byte = file.read(1)[0]
        file.seek(BINARY_BYTES // 2)
        file.write(bytes([byte ^ 0xFF]))

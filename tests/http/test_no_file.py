"""What people name as a file and is none: refused at once, with its kind. A
program that waits is ended by its timeout, and the test is red."""
import os
import socket
import stat

import pytest

SECONDS = 25
MAKE = {
    "FIFO": os.mkfifo,
    "folder": lambda path: os.mkdir(path, 0o700),
    "socket": lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),
    "device": lambda path: os.symlink("/dev/zero", path)}


def some(names, sanitized):
    """All of them, and of those one or two for the sanitizers."""
    return [pytest.param(n, marks=[] if n in sanitized else pytest.mark.plain)
            for n in names]


@pytest.fixture(params=some(MAKE, ["FIFO", "device"]))
def thing(stack, request, tmp_path_factory):
    """A path of the stack's user, and what it is."""
    folder = stack.top / f"no-file-{request.param}-{os.urandom(4).hex()}"
    folder.mkdir(0o755)
    path = folder / "thing"
    MAKE[request.param](path)
    for one in folder, path:
        os.chown(one, stack.uid, stack.gid, follow_symlinks=False)
    return str(path), f"is a {request.param}, not a regular file"


def refused(stack, argv, environ, words):
    done = stack.run(argv, environ, SECONDS)
    assert done.returncode != 0, done
    assert words in done.stdout + done.stderr, done


def test_configuration(stack, thing):
    path, what = thing
    for argv in ([stack.worker_path, "-t"], [stack.worker_path, "-w"],
                 [stack.ctl_path, "status"], [stack.ctl_path, "init"],
                 [stack.ctl_path, "project", "list"]):
        refused(stack, argv, {"CODECOURIER_CONF": path}, f"{path}: {what}")


def test_keyring(stack, thing):
    path, what = thing
    if os.path.islink(path):
        what = "is a symbolic link, not a regular file"
    for argv in ([stack.worker_path, "-t"], [stack.ctl_path, "status"],
                 [stack.ctl_path, "provider-key", "reveal", "x", "e2b"],
                 [stack.ctl_path, "doctor"],
                 [stack.ctl_path, "doctor", "--keyring-copied"]):
        refused(stack, argv, {"CODECOURIER_KEYRING": path},
                f"{path}: {what}")


@pytest.mark.parametrize("name", some(
    ["passfile", "sslcert", "sslkey", "sslrootcert", "sslcrl"], ["passfile"]))
def test_files_of_the_conninfo(stack, thing, name):
    """libpq and its TLS library open them by name."""
    path, what = thing
    for variable, argv in (
            ("DATABASE", [stack.worker_path, "-t"]),
            ("ADMIN_DATABASE", [stack.ctl_path, "project", "list"])):
        variable = f"CODECOURIER_{variable}"
        refused(stack, argv, {variable: f"{stack.conf[variable]} {name}="
                              f"{path}"}, f"{name} {path} {what}")


def test_files_of_the_environment(stack, thing):
    path, what = thing
    refused(stack, [stack.worker_path, "-t"], {"PGPASSFILE": path},
            f"passfile {path} {what}")


def test_a_file_that_is_not_there_is_no_fault(stack):
    """A password file need not exist where nobody asks for a password."""
    done = stack.run([stack.worker_path, "-t"], {
        "PGPASSFILE": "/nonexistent/passfile"}, SECONDS)
    assert done.returncode == 0, done


def test_the_word_that_the_keyring_was_copied(stack, thing):
    """Neither read nor written by way of it."""
    path, _ = thing
    keyring = path + ".ring"
    with open(stack.conf["CODECOURIER_KEYRING"], "rb") as file:
        text = file.read()
    with open(keyring, "wb") as file:
        file.write(text)
    os.chmod(keyring, 0o600)
    os.chown(keyring, stack.uid, stack.gid)
    os.rename(path, keyring + ".copied")
    environ = {"CODECOURIER_KEYRING": keyring}
    done = stack.run([stack.ctl_path, "doctor"], environ, SECONDS)
    assert "keyring-copy" in done.stdout, done
    folder = os.path.isdir(keyring + ".copied")
    done = stack.run([stack.ctl_path, "doctor", "--keyring-copied"], environ,
                     SECONDS)
    assert ("keyring-copy" in done.stdout) is False, done
    if folder:      # what cannot be replaced stays, and is named
        assert f"{keyring}.copied: Is a directory" in done.stderr, done
    else:
        assert stat.S_ISREG(os.lstat(keyring + ".copied").st_mode)

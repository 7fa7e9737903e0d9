"""Whether a Docker engine can be used here, for the tests that want one."""

import functools
import shutil
import subprocess


@functools.cache
def missing() -> str | None:
    """Why tests with containers cannot run here."""
    if shutil.which("docker") is None:
        return "there is no docker command"
    for command, lack in ((["version"], "no Docker engine answers"), (["compose", "version"], "docker has no compose")):
        if subprocess.run(["docker", *command], capture_output=True, check=False).returncode:
            return lack
    return None

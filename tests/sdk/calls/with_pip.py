import os
import sys
import tempfile

from calls import command, denied_command

os.chdir(tempfile.mkdtemp(dir="."))
os.environ["PIP_NO_CACHE_DIR"] = "1"
pip = [sys.executable, "-m", "pip"]
command("pypi.project.get pypi.file.download", *pip, "install", "-q", "--target", "lib", "tiny")
command("pypi.project.get pypi.file.download", *pip, "download", "-q", "tiny==1.0.0")
command("pypi.project.get pypi.file.download", *pip, "wheel", "-q", "-w", "wheels", "tiny")
command("pypi.project.get", *pip, "index", "versions", "tiny")
command("pypi.project.get pypi.file.download", *pip, "install", "-q", "--dry-run", "--ignore-installed", "tiny")
# pip tells nothing of an index that refuses, so a file is what is denied.
denied_command("pypi.project.get pypi.file.download", *pip, "install", "-q", "--target", "lib", "forbidden")

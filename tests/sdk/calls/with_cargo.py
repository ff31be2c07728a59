import os
import pathlib
import tempfile

from calls import command, denied_command

os.chdir(tempfile.mkdtemp(dir="."))
pathlib.Path("src").mkdir()
pathlib.Path("src/lib.rs").write_text("pub use tiny::seven;\n")
pathlib.Path("Cargo.toml").write_text(
    '[package]\nname = "site"\nversion = "1.0.0"\nedition = "2021"\nlicense = "MIT"\ndescription = "A site"\n\n[dependencies]\ntiny = "1"\n'
)
command("crates.index.get crates.crate.download", "cargo", "fetch")
command("crates.crate.search", "cargo", "search", "tiny")
command("crates.owner.list", "cargo", "owner", "--list", "tiny")
command("crates.crate.yank", "cargo", "yank", "tiny@1.0.0")
command("crates.crate.unyank", "cargo", "yank", "--undo", "tiny@1.0.0")
denied_command("crates.index.get crates.crate.publish", "cargo", "publish", "--no-verify", "--allow-dirty")

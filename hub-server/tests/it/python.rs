//! Programs in Python that nobody here wrote, and the tests' own that use their libraries.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::missing;

/// A Python with the packages that tests need; `None` when there is none, which has then been said.
pub(crate) fn python() -> Option<PathBuf> {
    let python = std::env::var_os("HUB_PYTHON").map(PathBuf::from);
    if python.is_none() {
        missing::tool("HUB_PYTHON names no Python with the test packages; `make test` sets it");
    }
    python
}

/// One of the programs in `tests/python`.
pub(crate) fn script(python: &Path, name: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let mut command = Command::new(python);
    command.arg(folder.join(name));
    command
}

/// Runs it to its end, while others answer it.
pub(crate) async fn run(mut command: Command) -> Output {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    output.await.unwrap()
}

//! What a test needs of its machine and does not find. It is said past what `cargo test` captures, once for each thing.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// A program or a library is missing, so a test is skipped. `make test` brings all of them: in CI that fails it.
#[track_caller]
pub(crate) fn tool(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "missing in CI: {what}");
    skipped(what);
}

/// Whether a command succeeds that shows that a test may do what it needs. A command that is not there is a
/// [`tool`]; one that fails shows that nobody may do this here, and no installation would change that.
#[track_caller]
pub(crate) fn may(command: &mut Command, what: &str) -> bool {
    match command.output() {
        Ok(output) if output.status.success() => return true,
        Ok(_) => skipped(what),
        Err(error) => tool(&format!("{}: {error}", command.get_program().display())),
    }
    false
}

/// Says why a test is skipped.
pub(crate) fn skipped(why: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.insert(why.to_owned()) {
        let _ = writeln!(std::io::stderr(), "skipped: {why}");
    }
}

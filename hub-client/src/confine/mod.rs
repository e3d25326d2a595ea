//! Confining this process before it reads what somebody else wrote.
//!
//! ```no_run
//! use hub_client::confine::{Limits, Needs, confine};
//! let needs = Needs { files: vec!["model.onnx".into()], folders: Vec::new() };
//! let confinement = confine(&needs, &Limits::default());
//! assert!(confinement.is_complete(), "{:?}", confinement.gaps());
//! ```
//!
//! Afterwards the process can read the files it named and nothing else, write nothing, open no
//! socket, start no program, and signal nobody. It is for good, and for every thread that starts
//! later; [`confine`] must therefore be called while there is one thread only.
//!
//! *Why two mechanisms?* Landlock knows files and what lies below a folder, but has no word for most
//! system calls. Seccomp knows system calls, but cannot look at the path behind a pointer. Together
//! they leave no gap: Landlock alone decides what is read, seccomp alone forbids everything that is
//! not reading and computing, so that the one holds where a kernel lacks the other.

mod limits;
#[cfg(target_os = "linux")]
mod paths;
#[cfg(target_os = "linux")]
mod system_calls;

pub use limits::{Limits, memory_of_this_machine};

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a confined process may still read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Single files. One that is not there is left out.
    pub files: Vec<PathBuf>,
    /// Folders with all that is in them. One that is not there is left out.
    pub folders: Vec<PathBuf>,
}

/// What confines a process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confinement {
    /// Files other than those needed cannot be read.
    pub files: Guard,
    /// No file can be written, no socket opened, no program started, nobody signalled.
    pub system_calls: Guard,
    /// Memory and time are bounded.
    pub limits: Guard,
}

/// Whether one part of a confinement holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Guard {
    /// It does; by what means.
    Holds(String),
    /// It does not, and why.
    Missing(String),
}

impl Default for Guard {
    fn default() -> Self {
        Self::Missing("not asked for".to_owned())
    }
}

impl Confinement {
    /// Whether everything holds.
    pub fn is_complete(&self) -> bool {
        self.gaps().is_empty()
    }

    /// What an extractor could do that it should not, each with the reason; nothing when the
    /// confinement is complete.
    pub fn gaps(&self) -> Vec<String> {
        let parts = [
            (&self.files, "read other files of yours"),
            (&self.system_calls, "do more than read and compute"),
            (&self.limits, "take all memory and time"),
        ];
        let gap = |(guard, could): (&Guard, &str)| match guard {
            Guard::Holds(_) => None,
            Guard::Missing(reason) => Some(format!("it could {could} ({reason})")),
        };
        parts.into_iter().filter_map(gap).collect()
    }

    /// By what means, or what is missing.
    pub fn parts(&self) -> [(&'static str, &Guard); 3] {
        [
            ("files", &self.files),
            ("system calls", &self.system_calls),
            ("limits", &self.limits),
        ]
    }
}

/// Confines this process as far as the kernel has the means, and says what holds.
///
/// Nothing here fails: what cannot be had is a [`Guard::Missing`], which the caller must tell.
pub fn confine(needs: &Needs, limits: &Limits) -> Confinement {
    // Landlock opens each path it allows, and limits are set by a system call that seccomp forbids.
    let limits = limits.apply();
    let files = confine_files(needs);
    let system_calls = confine_system_calls();
    Confinement {
        files,
        system_calls,
        limits,
    }
}

#[cfg(target_os = "linux")]
fn confine_files(needs: &Needs) -> Guard {
    paths::confine(needs)
}

#[cfg(target_os = "linux")]
fn confine_system_calls() -> Guard {
    system_calls::confine()
}

#[cfg(not(target_os = "linux"))]
fn confine_files(_needs: &Needs) -> Guard {
    Guard::Missing("this system has no Landlock".to_owned())
}

#[cfg(not(target_os = "linux"))]
fn confine_system_calls() -> Guard {
    Guard::Missing("this system has no seccomp".to_owned())
}

/// Lets the kernel end this process when the thread that started it ends, so that nothing goes on
/// computing for nobody.
pub fn end_with_parent() {
    // A parent that is gone already has closed the pipe the work comes from.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_says_what_an_extractor_could_do_and_why() {
        let holds = || Guard::Holds("x".to_owned());
        let complete = Confinement {
            files: holds(),
            system_calls: holds(),
            limits: holds(),
        };
        assert!(complete.is_complete());
        let open = Confinement {
            files: Guard::Missing("no Landlock".to_owned()),
            ..complete
        };
        assert!(!open.is_complete());
        assert_eq!(
            open.gaps(),
            ["it could read other files of yours (no Landlock)"]
        );
    }
}

//! Landlock: which files a process may read. It may write none.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::{Guard, Needs};

/// What is asked for; a kernel that knows less gives less. Reading, which is what Landlock alone can
/// forbid here, is known since the first version.
const WANTED: ABI = ABI::V7;

/// Folders of shared libraries: the runtime's own ones are found there.
const LIBRARY_FOLDERS: [&str; 9] = [
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/nix/store",
    "/gnu/store",
];

/// What tells a library where others are, how many cores there are, and what they can.
const SYSTEM_FILES: [&str; 3] = ["/etc/ld.so.cache", "/proc/cpuinfo", "/proc/meminfo"];
const SYSTEM_FOLDERS: [&str; 1] = ["/sys/devices/system/cpu"];

pub(super) fn confine(needs: &Needs) -> Guard {
    match restrict(needs) {
        Ok(guard) => guard,
        Err(error) => Guard::Missing(format!("Landlock failed: {error}")),
    }
}

fn restrict(needs: &Needs) -> Result<Guard, RulesetError> {
    // Everything is handled, so everything that no rule allows is refused: reading and writing
    // files, TCP, sockets with abstract names, signals to processes outside.
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(WANTED))?
        .handle_access(AccessNet::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?
        .create()?;
    for file in needs.files.iter().map(AsRef::as_ref) {
        ruleset = allow(ruleset, file, false)?;
    }
    for file in SYSTEM_FILES {
        ruleset = allow(ruleset, Path::new(file), false)?;
    }
    for folder in needs.folders.iter().map(AsRef::as_ref) {
        ruleset = allow(ruleset, folder, true)?;
    }
    for folder in LIBRARY_FOLDERS.into_iter().chain(SYSTEM_FOLDERS) {
        ruleset = allow(ruleset, Path::new(folder), true)?;
    }
    let status = ruleset.restrict_self()?;
    let guard = match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            Guard::Missing("Landlock is switched off in this kernel".to_owned())
        }
        (RulesetStatus::NotEnforced, _) => {
            Guard::Missing("this kernel has no Landlock, or forbids it here".to_owned())
        }
        (_, LandlockStatus::Available { effective_abi, .. }) => {
            Guard::Holds(format!("Landlock, version {}", effective_abi as i32))
        }
        _ => Guard::Holds("Landlock".to_owned()),
    };
    Ok(guard)
}

/// Allows reading one file, or a folder with all that is in it. What cannot be opened needs no rule.
fn allow(
    ruleset: RulesetCreated,
    path: &Path,
    is_folder: bool,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else {
        return Ok(ruleset);
    };
    // A link is followed here, so the rule is for what it leads to. A folder in the place of a file
    // allows nothing.
    if path.is_dir() != is_folder {
        return Ok(ruleset);
    }
    if is_folder {
        ruleset.add_rule(PathBeneath::new(
            opened,
            AccessFs::ReadFile | AccessFs::ReadDir,
        ))
    } else {
        ruleset.add_rule(PathBeneath::new(opened, AccessFs::ReadFile))
    }
}

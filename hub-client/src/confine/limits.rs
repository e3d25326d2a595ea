//! How much memory and time a process may take.

use serde::{Deserialize, Serialize};

use super::Guard;

/// Bounds of a process, set for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Most memory the process may have for itself. Files that are mapped to be read, such as the
    /// libraries, and addresses that are reserved without being used do not count.
    pub memory_bytes: Option<u64>,
    /// Most processor time, all threads together.
    pub processor_seconds: Option<u64>,
}

impl Limits {
    /// Sets the bounds, and others that every confined process has: no core dump, which would hold
    /// pictures, and no file may grow.
    #[cfg(unix)]
    pub(super) fn apply(&self) -> Guard {
        use rustix::process::Resource;

        let mut bounds = vec![(Resource::Core, 0, 0), (Resource::Fsize, 0, 0)];
        // `RLIMIT_DATA` and not `RLIMIT_AS`: ONNX Runtime and the allocator reserve tens of gigabytes
        // of addresses on machines with many cores and use a small part.
        bounds.extend(
            self.memory_bytes
                .map(|bytes| (Resource::Data, bytes, bytes)),
        );
        // The first signal can be caught, the second, five seconds later, cannot.
        bounds.extend(
            self.processor_seconds
                .map(|seconds| (Resource::Cpu, seconds, seconds.saturating_add(5))),
        );
        for (resource, current, maximum) in bounds {
            if let Err(error) = lower(resource, current, maximum) {
                return Guard::Missing(format!("{resource:?} cannot be limited: {error}"));
            }
        }
        Guard::Holds("resource limits".to_owned())
    }

    #[cfg(not(unix))]
    pub(super) fn apply(&self) -> Guard {
        Guard::Missing("this system has no resource limits".to_owned())
    }
}

/// Sets a limit, or leaves a lower one as it is.
#[cfg(unix)]
fn lower(
    resource: rustix::process::Resource,
    current: u64,
    maximum: u64,
) -> rustix::io::Result<()> {
    use rustix::process::{Rlimit, getrlimit, setrlimit};

    let before = getrlimit(resource);
    let least = |wanted: u64, before: Option<u64>| Some(before.map_or(wanted, |b| b.min(wanted)));
    let limits = Rlimit {
        current: least(current, before.current),
        maximum: least(maximum, before.maximum),
    };
    setrlimit(resource, limits)
}

/// Bytes of memory this machine has, where the system tells.
pub fn memory_of_this_machine() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let system = rustix::system::sysinfo();
        let bytes = (system.totalram as u64).saturating_mul(system.mem_unit.into());
        Some(bytes).filter(|&bytes| bytes > 0)
    }
    #[cfg(not(target_os = "linux"))]
    None
}

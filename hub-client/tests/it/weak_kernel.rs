//! On a kernel that lacks a means of confinement everything works, the other means still holds, and
//! the user is told.
//!
//! The kernel is made to lack it by a filter on the thread that starts `hub`, which answers one system
//! call as such a kernel does.
#![cfg(target_os = "linux")]

use std::process::Command;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use super::confinement::{Attack, done};
use super::world::{Run, World};

/// Runs a command where the kernel answers `call` with `error`.
fn without((call, error): (i64, i32), command: Command) -> Run {
    let filter: BpfProgram = SeccompFilter::new(
        [(call, Vec::new())].into_iter().collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(error.unsigned_abs()),
        std::env::consts::ARCH.try_into().unwrap(),
    )
    .unwrap()
    .try_into()
    .unwrap();
    let run = move || {
        seccompiler::apply_filter(&filter).unwrap();
        Run::of(command)
    };
    std::thread::spawn(run).join().unwrap()
}

const LANDLOCK: (i64, i32) = (libc::SYS_landlock_create_ruleset, libc::ENOSYS);
const SECCOMP: (i64, i32) = (libc::SYS_seccomp, libc::EINVAL);

#[test]
fn what_the_kernel_lacks_is_said() {
    let Some(world) = World::start() else { return };
    let folder = world.draft("alpha/dots", "1.0.0", "means", 4);
    let check = ["check", folder.to_str().unwrap(), "--no-predecessor"];
    let full = world.hub("alpha", &check).ok();
    assert!(!full.stderr.contains("warning"), "{full}");
    for (lacking, could, doctors) in [
        (
            LANDLOCK,
            "it could read other files of yours (this kernel has no Landlock",
            "warn  confinement of files: this kernel has no Landlock",
        ),
        (
            SECCOMP,
            "it could do more than read and compute (seccomp failed",
            "warn  confinement of system calls: seccomp failed",
        ),
    ] {
        let run = without(lacking, world.command("alpha", &check)).ok();
        assert_eq!(run.stderr.matches(could).count(), 1, "{run}");
        // Whoever wants no remarks wants this one.
        let quiet = [&check[..], &["--quiet"]].concat();
        let run = without(lacking, world.command("alpha", &quiet)).ok();
        assert!(run.stderr.contains(could), "{run}");
        let json = [&check[..], &["--json"]].concat();
        let run = without(lacking, world.command("alpha", &json)).ok();
        let warns = |line: &str| {
            let warning: serde_json::Value = serde_json::from_str(line).unwrap();
            warning["warning"].as_str().unwrap().contains(could)
        };
        assert!(run.stderr.lines().any(warns), "{run}");
        let doctor = world.command("alpha", &["doctor", "--offline"]);
        let run = without(lacking, doctor);
        assert!(run.stdout.contains(doctors), "{run}");
    }
}

#[test]
fn one_means_holds_without_the_other() {
    let Some(world) = World::start() else { return };
    let folder = world.draft("alpha/dots", "1.0.0", "means", 4);
    let attack = Attack::on(&world, "alpha");
    let check = || {
        let arguments = ["check", folder.to_str().unwrap(), "--no-predecessor"];
        let mut command = world.command("alpha", &arguments);
        command.env("HUB_TOKEN", "hub_secret");
        command
    };
    let outcome = attack.through(check(), |command| without(LANDLOCK, command));
    let only_reading = ["read", "look-around", "environment-of-parent"];
    for what in done(&outcome) {
        assert!(only_reading.contains(&what), "{what}: {outcome}");
    }
    assert!(done(&outcome).contains(&"read"), "{outcome}");
    assert_eq!(attack.files(), ["precious"]);

    let outcome = attack.through(check(), |command| without(SECCOMP, command));
    let done = done(&outcome);
    for what in [
        "connect",
        "read",
        "look-around",
        "environment-of-parent",
        "write",
        "overwrite",
        "truncate",
        "remove",
        "folder",
        "program",
        "signal",
        "trace",
        "token",
    ] {
        assert!(!done.contains(&what), "{what}: {outcome}");
    }
    assert!(done.contains(&"fork"), "{outcome}");
    assert_eq!(attack.files(), ["precious"]);
    assert!(!attack.was_reached());
}

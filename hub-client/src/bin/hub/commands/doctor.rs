//! `hub doctor`: everything a command might need, looked at in turn.

use std::fmt;
use std::path::Path;

use hub_client::config::Folders;
use hub_client::confine::Guard;
use hub_client::files;
use hub_client::keys;
use hub_client::runtime::library::TESTED_VERSION;
use hub_client::trust::Kept;
use hub_client::worker::Worker;
use jiff::Timestamp;
use registry_schema::reference::Reference;
use registry_schema::trust_root::TrustRoot;
use serde::Serialize;

use super::installed::run_probes;
use crate::app::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, size};
use crate::progress::Bar;
use hub_client::causes::with_causes;

/// Below this, a pull may not fit.
const DISK_FREE_BYTES: u64 = 2 << 30;

/// Clocks may differ by this much before tokens end too early or too late.
const CLOCK_SECONDS: i64 = 120;

#[derive(Serialize)]
struct DoctorView {
    checks: Vec<Check>,
    failed: usize,
    warnings: usize,
}

#[derive(Serialize)]
struct Check {
    what: String,
    state: State,
    detail: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
}

impl Check {
    fn ok(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            state: State::Ok,
            detail: detail.into(),
        }
    }

    fn warn(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            state: State::Warn,
            detail: detail.into(),
        }
    }

    fn fail(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            state: State::Fail,
            detail: detail.into(),
        }
    }
}

pub(super) async fn doctor(context: &Context) -> Result<Outcome, CommandError> {
    let spinner = Bar::spinner(context, "looking");
    let mut checks = Vec::new();
    check_folders(context.folders(), &mut checks);
    check_keys(context, &mut checks);
    // What is missing is in the list, so it need not be said while the probes run.
    let worker = context.worker()?.warning_by(|_| {});
    let worker = check_runtime(&worker, &mut checks).then_some(&worker);
    let trust = check_trust(context, &mut checks);
    check_hub(context, trust.as_ref(), &mut checks).await;
    check_installed(context, trust.as_ref(), worker, &mut checks)?;
    check_heads(context, &mut checks)?;
    drop(spinner);
    let count = |state| checks.iter().filter(|check| check.state == state).count();
    let (failed, warnings) = (count(State::Fail), count(State::Warn));
    context.show(&DoctorView {
        checks,
        failed,
        warnings,
    })?;
    Ok(if failed == 0 {
        Outcome::Done
    } else {
        Outcome::FoundFaults
    })
}

fn check_folders(folders: &Folders, checks: &mut Vec<Check>) {
    for (what, folder) in [
        ("settings folder", &folders.config),
        ("data folder", &folders.data),
        ("cache folder", &folders.cache),
    ] {
        // Writing a file is the only proof of being allowed to.
        let probe = folder.join(".doctor");
        let written = files::write_atomic(&probe, b"").and_then(|()| files::remove(&probe));
        checks.push(match written {
            Ok(()) => Check::ok(what, folder.display().to_string()),
            Err(error) => Check::fail(what, with_causes(&error)),
        });
    }
    match disk_free_bytes(&folders.data) {
        Some(bytes) if bytes < DISK_FREE_BYTES => {
            checks.push(Check::warn(
                "disk",
                format!("only {} free: make room before the next pull", size(bytes)),
            ));
        }
        Some(bytes) => checks.push(Check::ok("disk", format!("{} free", size(bytes)))),
        None => {}
    }
}

#[cfg(unix)]
fn disk_free_bytes(path: &Path) -> Option<u64> {
    let status = rustix::fs::statvfs(path).ok()?;
    Some(status.f_bavail.saturating_mul(status.f_frsize))
}

#[cfg(not(unix))]
fn disk_free_bytes(_path: &Path) -> Option<u64> {
    None
}

fn check_keys(context: &Context, checks: &mut Vec<Check>) {
    let folder = context.folders().keys();
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.ends_with(".pub.pem"))
        .filter_map(|name| name.strip_suffix(".pem").map(str::to_owned))
        .collect();
    names.sort();
    if names.is_empty() {
        checks.push(Check::ok(
            "keys",
            "none: only publishing needs one (`hub keygen`)",
        ));
    }
    for name in names {
        let what = format!("key {name}");
        let path = folder.join(format!("{name}.pem"));
        checks.push(
            match (keys::load(context.folders(), &name), open_to_others(&path)) {
                (Err(error), _) => Check::fail(what, with_causes(&error)),
                (Ok(_), Some(mode)) => Check::fail(
                    what,
                    format!(
                        "others may read it (mode {mode:o}): run `chmod 600 {}`",
                        path.display()
                    ),
                ),
                (Ok(key), None) => Check::ok(what, format!("{}, mode 600", key.public().id())),
            },
        );
    }
}

/// A file's mode, when it is not its owner's alone.
#[cfg(unix)]
fn open_to_others(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn open_to_others(_path: &Path) -> Option<u32> {
    None
}

/// Whether extractors can run, and how well they are confined.
fn check_runtime(worker: &Worker, checks: &mut Vec<Check>) -> bool {
    let look = match worker.look() {
        Ok(look) => look,
        Err(error) => {
            checks.push(Check::fail("ONNX Runtime", with_causes(&error)));
            return false;
        }
    };
    for (part, guard) in look.confinement.parts() {
        let what = format!("confinement of {part}");
        checks.push(match guard {
            Guard::Holds(means) => Check::ok(what, means),
            Guard::Missing(reason) => Check::warn(what, reason),
        });
    }
    match look.library {
        Ok(library) => {
            let (path, build) = (library.path.display(), library.build);
            let detail = format!("{path}: {build} (tested with {TESTED_VERSION})");
            checks.push(Check::ok("ONNX Runtime", detail));
            true
        }
        Err(failure) => {
            checks.push(Check::fail("ONNX Runtime", with_causes(&failure)));
            false
        }
    }
}

fn check_trust(context: &Context, checks: &mut Vec<Check>) -> Option<Kept> {
    match context.kept_trust() {
        Ok(kept) => {
            let detail = format!(
                "{}, {} members, root {}, as of {}",
                kept.root.consortium(),
                kept.root.members().count(),
                kept.root.version(),
                kept.as_of
            );
            checks.push(match kept.expired_at(Timestamp::now()) {
                None => Check::ok("trust root", detail),
                Some((role, until)) => Check::warn(
                    "trust root",
                    format!("{detail}; its `{role}` was valid until {until}: refresh it with `hub trust`"),
                ),
            });
            Some(kept)
        }
        Err(error) => {
            checks.push(Check::fail("trust root", with_causes(&error)));
            None
        }
    }
}

async fn check_hub(context: &Context, trust: Option<&Kept>, checks: &mut Vec<Check>) {
    if context.is_offline() {
        checks.push(Check::ok("hub", "not asked: the network is switched off"));
        return;
    }
    let hub = context.hub();
    // A member says who it is by one of these; an open hub lets in who says nothing, but not who says wrong.
    let says_nothing =
        matches!(&hub, Ok(Some(hub)) if hub.token.is_none() && hub.client_certificate.is_none());
    let registry = match hub {
        Ok(None) => {
            checks.push(Check::warn(
                "hub",
                "none is configured: run `hub login URL`",
            ));
            return;
        }
        Ok(Some(_)) => context.registry("doctor"),
        Err(error) => Err(error),
    };
    let registry = match registry {
        Ok(registry) => registry,
        Err(error) => return checks.push(Check::fail("hub", with_causes(&error))),
    };
    let info = match registry.info().await {
        Ok(info) => info,
        Err(error) => return checks.push(Check::fail("hub", with_causes(&error))),
    };
    checks.push(Check::ok(
        "hub",
        format!("{}, version {}", registry.url(), info.server_version),
    ));
    let theirs = info.trust_root.first_root;
    checks.push(match trust {
        Some(kept) if kept.anchor == theirs => {
            Check::ok("hub's trust root", "starts with the pinned root")
        }
        Some(_) => Check::fail(
            "hub's trust root",
            format!("starts with another root than the pinned one: {theirs}; ask the consortium which is right"),
        ),
        None => Check::warn(
            "hub's trust root",
            format!("{theirs}, nothing to compare it with"),
        ),
    });
    checks.push(match registry.whoami().await {
        Ok(identity) => Check::ok(
            "token",
            format!("{}, until {}", identity.member, identity.expires_at),
        ),
        Err(_) if info.public && says_nothing => {
            Check::ok("token", "none; this hub is open for reading")
        }
        Err(error) => Check::fail("token", with_causes(&error)),
    });
    if let Ok(Some(theirs)) = registry.clock().await {
        let seconds = Timestamp::now().as_second() - theirs.as_second();
        checks.push(match seconds.abs() {
            0..=CLOCK_SECONDS => Check::ok("clock", "agrees with the hub's"),
            _ => Check::warn(
                "clock",
                format!(
                    "{seconds} seconds away from the hub's: set it, or tokens end at the wrong time"
                ),
            ),
        });
    }
}

fn check_installed(
    context: &Context,
    trust: Option<&Kept>,
    worker: Option<&Worker>,
    checks: &mut Vec<Check>,
) -> Result<(), CommandError> {
    let store = context.store();
    for (name, version) in store.list()? {
        context.check_interrupt()?;
        let reference = Reference::exact(name, version);
        let what = reference.to_string();
        let Some(trust) = trust else {
            checks.push(Check::fail(
                what,
                "cannot be verified: no trust root is pinned",
            ));
            continue;
        };
        let verified = store
            .open_release(&reference, &trust.root)
            .and_then(|one| one.check_files().map(|()| one));
        checks.push(match (verified, worker) {
            (Err(error), _) => Check::fail(what, with_causes(&error)),
            (Ok(_), None) => Check::warn(what, "verifies; its probes were not run"),
            (Ok(installed), Some(worker)) => match run_probes(&installed, worker) {
                Ok(cosine) => {
                    let detail = format!("verifies, probes' worst cosine {cosine:.6}");
                    match installed.yanked() {
                        None => Check::ok(what, detail),
                        Some(yank) => {
                            let reason = &yank.reason;
                            Check::warn(what, format!("{detail}; yanked by its owners: {reason}"))
                        }
                    }
                }
                Err(error) => Check::fail(what, with_causes(&error)),
            },
        });
    }
    Ok(())
}

fn check_heads(context: &Context, checks: &mut Vec<Check>) -> Result<(), CommandError> {
    let heads = context.heads();
    for stored in heads.list()? {
        let what = format!("head {}", stored.name);
        checks.push(match heads.load(&stored.name, None) {
            Ok(head) => Check::ok(what, format!("trained on {}", head.extractor())),
            Err(error) => Check::fail(what, with_causes(&error)),
        });
    }
    Ok(())
}

impl Answer for DoctorView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        for check in &self.checks {
            let state = match check.state {
                State::Ok => "ok  ".to_owned(),
                State::Warn => page.bold("warn"),
                State::Fail => page.bold("FAIL"),
            };
            page.line(format!("{state}  {}: {}", check.what, check.detail))?;
        }
        let (failed, warnings) = (self.failed, self.warnings);
        let plural = if warnings == 1 { "" } else { "s" };
        page.line(format!(
            "\n{} checks, {failed} failed, {warnings} warning{plural}",
            self.checks.len()
        ))
    }
}

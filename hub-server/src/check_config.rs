//! `serve --check-config`: all that can be looked at without answering a request. Nothing is changed.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use jiff::Timestamp;

use crate::app::check_made;
use crate::blobs::{Blobs, is_there};
use crate::cause::chain;
use crate::config::{DataFolder, ServeArgs};
use crate::doctor::{Check, Verdict, certificate_check};
use crate::server::{ServeError, load_tls, lock};
use crate::tls::{self, ClientVerifier};

/// What is said of the certificate.
const CERTIFICATE: &str = "certificate";

/// Looks at what `serve` would use.
pub(crate) fn check(args: &ServeArgs) -> Vec<Check> {
    let data = DataFolder::of_server(args);
    let (folder, runs) = data_folder(&data);
    let mut checks = vec![folder];
    let mut held = Vec::new();
    checks.push(address("listen", args.listen, runs, &mut held));
    if let Some(listen) = args.metrics_listen {
        checks.push(address("metrics", listen, runs, &mut held));
    }
    checks.extend(encryption(args, &data));
    checks.push(disk(args, &data));
    checks
}

/// Whether a hub is there, and whether a server runs on it already.
fn data_folder(data: &DataFolder) -> (Check, bool) {
    if let Err(error) = check_made(data) {
        return (Check::new(Verdict::Bad, "data", chain(&error)), false);
    }
    let shown = data.root().display();
    let (verdict, found, runs) = match lock(data) {
        Ok(_) => (Verdict::Good, format!("`{shown}` holds a hub"), false),
        Err(ServeError::Running { .. }) => {
            let found = format!("`{shown}` holds a hub, and a server runs on it now");
            (Verdict::Good, found, true)
        }
        Err(error) => (Verdict::Bad, chain(&error), false),
    };
    (Check::new(verdict, "data", found), runs)
}

/// Whether an address is to be had. The ones that are stay taken until all are looked at.
fn address(
    what: &'static str,
    listen: SocketAddr,
    runs: bool,
    held: &mut Vec<TcpListener>,
) -> Check {
    let (verdict, found) = match TcpListener::bind(listen) {
        Ok(listener) => {
            held.push(listener);
            (Verdict::Good, format!("{listen} is free"))
        }
        Err(error) if error.kind() == ErrorKind::AddrInUse && runs => (
            Verdict::Good,
            format!("{listen} is in use, as by the server that runs"),
        ),
        Err(error) => (Verdict::Bad, format!("cannot listen at {listen}: {error}")),
    };
    Check::new(verdict, what, found)
}

fn encryption(args: &ServeArgs, data: &DataFolder) -> Vec<Check> {
    let tls = match without_files(args, data) {
        Some(check) => return vec![check],
        None => load_tls(args, data),
    };
    match tls {
        Ok(tls) => {
            let mut checks = vec![certificate_check(
                &certificate(args, data),
                Timestamp::now(),
            )];
            let clients = tls.and_then(|tls| tls.clients);
            checks.extend(clients.and_then(|clients| revoked(&clients)));
            checks
        }
        Err(error) => vec![Check::new(Verdict::Bad, CERTIFICATE, chain(&error))],
    }
}

/// Until when the lists of revoked certificates are to be believed.
fn revoked(clients: &ClientVerifier) -> Option<Check> {
    let (verdict, found) = match clients.next_update() {
        _ if !clients.has_lists() => return None,
        Some(until) if until < Timestamp::now() => {
            let found = format!("another one should have come at {until}");
            (Verdict::Warning, found)
        }
        Some(until) => (Verdict::Good, format!("the next one comes by {until}")),
        None => (
            Verdict::Good,
            "it does not say when another one comes".to_owned(),
        ),
    };
    Some(Check::new(verdict, "client_crl", found))
}

/// The file of the server's certificate.
fn certificate(args: &ServeArgs, data: &DataFolder) -> PathBuf {
    let own = args.tls_cert.clone();
    own.unwrap_or_else(|| tls::dev_files(data).0)
}

/// What there is to say where no certificate can be read yet, if that is so.
fn without_files(args: &ServeArgs, data: &DataFolder) -> Option<Check> {
    let (verdict, found) = match (&args.tls_cert, &args.tls_key) {
        (Some(_), Some(_)) => return None,
        _ if args.dev_tls => match is_there(&certificate(args, data)) {
            Ok(false) => {
                let found = "`serve` will make one, and print its fingerprint".to_owned();
                (Verdict::Good, found)
            }
            _ => return None,
        },
        _ if args.client_ca.is_some() => (Verdict::Bad, chain(&ServeError::ClientsInTheClear)),
        _ if args.listen.ip().is_loopback() => {
            let found = "none: plain HTTP, on this machine alone".to_owned();
            (Verdict::Good, found)
        }
        _ => {
            let listen = args.listen;
            (Verdict::Bad, chain(&ServeError::Plain { listen }))
        }
    };
    Some(Check::new(verdict, CERTIFICATE, found))
}

fn disk(args: &ServeArgs, data: &DataFolder) -> Check {
    let free = Blobs::new(data, 0).free_bytes();
    let (verdict, found) = match free {
        Ok(free) if free < args.reserve_bytes => {
            let found = format!(
                "{} MiB free, less than the reserve of {} MiB: nothing would be taken",
                free >> 20,
                args.reserve_bytes >> 20
            );
            (Verdict::Bad, found)
        }
        Ok(free) => (Verdict::Good, format!("{} MiB free", free >> 20)),
        Err(error) => (Verdict::Bad, chain(&error)),
    };
    Check::new(verdict, "disk", found)
}

/// Prints the settings in force, one in a line of TOML with where it comes from.
pub(crate) fn write_settings(args: &ServeArgs, out: &mut impl io::Write) -> io::Result<()> {
    for setting in &args.settings {
        let line = format!("{} = {:?}", setting.key, setting.value);
        writeln!(out, "{line:<52} # {}", setting.source)?;
    }
    Ok(())
}

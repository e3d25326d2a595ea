//! The commands. Data goes to standard output, talk and the log to standard error.

mod blobs;
mod copies;
mod error;
mod init;
mod log;
mod members;

use std::io::{self, Write};
use std::process::ExitCode;

use error::CommandError;
use tracing_subscriber::EnvFilter;

use crate::cause::chain;
use crate::check_config::{check, write_settings};
use crate::config::{
    Cli, Command, DoctorArgs, JournalCommand, LogCommand, QuotaCommand, ServeArgs, TokenCommand,
};
use crate::doctor::{Check, Verdict, examine};
use crate::server::serve;
use crate::settings_file::ParseError;

/// Does what the command line says; the exit code is 0 when it was done.
pub fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Init(args) => init::init(&args),
        Command::Keys(args) => init::keys(&args),
        Command::Log(LogCommand::Verify(args)) => log::verify_log(&args),
        Command::Log(LogCommand::Restore(args)) => log::restore_log(&args),
        Command::RebuildIndex(args) => log::rebuild_index(&args),
        Command::Gc(args) => blobs::gc(&args),
        Command::CopyBlobs(args) => blobs::copy_blobs(&args),
        Command::Serve(args) => start(&args),
        Command::MigrateStore(args) => copies::migrate_store(&args),
        Command::Token(TokenCommand::Create(args)) => members::create_token(&args),
        Command::Token(TokenCommand::List(args)) => members::list_tokens(&args),
        Command::Token(TokenCommand::Revoke(args)) => members::revoke_token(&args),
        Command::Quota(QuotaCommand::Set(args)) => members::set_quota(&args),
        Command::Quota(QuotaCommand::List(args)) => members::list_quotas(&args),
        Command::Journal(JournalCommand::Export(args)) => members::export_journal(&args),
        Command::Doctor(args) => doctor(&args),
        Command::Backup(args) => copies::back_up(&args),
        Command::Restore(args) => copies::restore_backup(&args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            // Nowhere is left to complain to when this fails.
            let _ = writeln!(io::stderr(), "error: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// Says why the command line was not taken; `--help` is no mistake.
pub fn refuse(error: &ParseError) -> ExitCode {
    match error {
        ParseError::Words(error) => {
            let _ = error.print();
            u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
        ParseError::File(error) => {
            let _ = writeln!(io::stderr(), "error: {}", chain(error));
            ExitCode::from(2)
        }
    }
}

fn start(args: &ServeArgs) -> Result<ExitCode, CommandError> {
    if args.check_config {
        let checks = check(args);
        let mut out = io::stdout().lock();
        write_settings(args, &mut out)?;
        return tell(&mut out, &checks);
    }
    let filter =
        EnvFilter::try_from_env("HUB_SERVER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    serve(args)?;
    Ok(ExitCode::SUCCESS)
}

fn doctor(args: &DoctorArgs) -> Result<ExitCode, CommandError> {
    tell(&mut io::stdout().lock(), &examine(args))
}

/// Says what was looked at; whether nothing of it is bad.
fn tell(out: &mut impl Write, checks: &[Check]) -> Result<ExitCode, CommandError> {
    for check in checks {
        let verdict = match check.verdict {
            Verdict::Good => "good",
            Verdict::Warning => "warning",
            Verdict::Bad => "BAD",
        };
        writeln!(out, "{verdict:<8} {:<12} {}", check.what, check.found)?;
    }
    if checks.iter().any(|check| check.verdict == Verdict::Bad) {
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn tell_missing(out: &mut impl Write, missing: &[String]) -> Result<ExitCode, CommandError> {
    if missing.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    for file in missing {
        writeln!(out, "MISSING: {file}")?;
    }
    Ok(ExitCode::FAILURE)
}

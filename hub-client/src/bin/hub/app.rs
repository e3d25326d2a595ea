//! From the command line to the exit code.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use hub_client::hint::ErrorCode;

use crate::args::{Cli, ColorChoice, Command};
use crate::commands;
use crate::context::Context;
use crate::error::CommandError;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::report::Report;

/// Time a command gets to end by itself after the first Ctrl-C, before it is left behind.
const GRACE: Duration = Duration::from_secs(1);

/// How a command that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All was done.
    Done,
    /// The answer itself says that something is wrong.
    FoundFaults,
    /// Some inputs were skipped.
    SomeSkipped,
    /// Nothing failed, and a person has to look at what was found.
    SomethingToLookAt,
}

/// Exit code of [`Outcome::SomethingToLookAt`]; no error has it.
const LOOK: u8 = 7;

impl Outcome {
    fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::FoundFaults => ErrorCode::Failed.exit_code(),
            Self::SomeSkipped => ErrorCode::Skipped.exit_code(),
            Self::SomethingToLookAt => LOOK,
        }
    }
}

/// Runs one command line.
pub(crate) fn run(arguments: Vec<OsString>) -> ExitCode {
    // 1. what was typed
    let wants_json = arguments
        .iter()
        .skip(1)
        .take_while(|one| *one != "--")
        .any(|one| one == "--json");
    let cli = match parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, wants_json),
    };
    let report = Report::new(&cli.global);
    // 2. what it means, and doing it
    let code = match execute(cli, &report) {
        Ok(outcome) => outcome.exit_code(),
        Err(error) if error.is_broken_pipe() => 0,
        Err(error) => {
            report.error(&error);
            error.exit_code()
        }
    };
    ExitCode::from(code)
}

fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let matches = Cli::command().try_get_matches_from(arguments)?;
    Cli::from_arg_matches(&matches)
}

fn execute(cli: Cli, report: &Report) -> Result<Outcome, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(CommandError::Start)?;
    let interrupt = Interrupt::listen(&runtime, *report);
    let output = Output::new(cli.global.json, wants_color(cli.global.color));
    let grace = grace(&cli.command);
    let result = Context::new(cli.global, output, *report, interrupt.clone()).and_then(|context| {
        runtime.block_on(async {
            let command = commands::run(cli.command, &context);
            tokio::select! {
                biased;
                result = command => result,
                () = interrupt.past(grace) => Err(CommandError::Interrupted),
            }
        })
    });
    // Threads that are still at work hold nothing that must be finished: every file appears whole.
    runtime.shutdown_background();
    match result {
        Err(error) if interrupt.is_set() && !error.is_broken_pipe() => {
            Err(CommandError::Interrupted)
        }
        other => other,
    }
}

/// How long a command may go on after the first Ctrl-C.
fn grace(command: &Command) -> Duration {
    match command {
        // Requests under way are finished, and the last answers go out.
        Command::Serve(args) => args.shutdown() + 2 * GRACE,
        _ => GRACE,
    }
}

/// `--help` and `--version` go to standard output; everything else is a wrong command line.
fn usage(error: &clap::Error, wants_json: bool) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that went away does not matter here.
            let _: io::Result<()> = error.print();
            ExitCode::SUCCESS
        }
        _ => {
            crate::report::usage_error(error, wants_json);
            ExitCode::from(ErrorCode::Usage.exit_code())
        }
    }
}

fn wants_color(choice: ColorChoice) -> bool {
    use std::io::IsTerminal;
    crate::report::wants_color(choice, io::stdout().is_terminal())
}

//! `hub-server`: see `hub-server --help`.

use std::process::ExitCode;

use clap::Parser;
use hub_server::config::Cli;

fn main() -> ExitCode {
    hub_server::run(Cli::parse())
}

//! The `hub` command: a thin shell around the `hub_client` library.
//!
//! `args` says what may be typed, `context` what it means together with the environment and the
//! settings, `commands` what is done, `output` how data is printed, `report` how everything else.

mod app;
mod args;
mod browser;
mod commands;
mod context;
#[cfg(test)]
mod documents;
mod error;
mod interrupt;
mod output;
mod plain;
mod progress;
mod reference;
mod report;

fn main() -> std::process::ExitCode {
    // Started to run an extractor, this is another program: without commands, settings and network.
    hub_client::worker::serve_if_asked().unwrap_or_else(|| app::run(std::env::args_os().collect()))
}

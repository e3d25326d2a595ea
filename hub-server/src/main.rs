//! `hub-server`: see `hub-server --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match hub_server::parse(std::env::args_os()) {
        Ok(cli) => hub_server::run(cli),
        Err(error) => hub_server::refuse(&error),
    }
}

//! The two programs: `hub-server`, running, and `hub`, run to its end.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use super::read;
use crate::missing;

/// A running `hub-server`.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    pub(crate) certificate: String,
}

impl Server {
    pub(crate) fn start(data: &Path, listen: &str, tls: &[&str]) -> Self {
        let mut child = Command::new(server_program())
            .args(["serve", "--listen", listen, "--data"])
            .arg(data)
            .args(tls)
            .stdout(Stdio::piped())
            .stderr(
                std::fs::File::options()
                    .create(true)
                    .append(true)
                    .open(data.with_extension("log"))
                    .unwrap(),
            )
            .spawn()
            .unwrap();
        let mut url = None;
        let mut certificate = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(rest) = line.strip_prefix("certificate ") {
                certificate = rest.to_owned();
            } else if let Some(rest) = line.strip_prefix("listening on ") {
                url = Some(rest.to_owned());
                break;
            }
        }
        let url = url.unwrap_or_else(|| {
            panic!(
                "the server did not start: {}",
                read(&data.with_extension("log"))
            )
        });
        Self {
            child,
            url,
            certificate,
        }
    }

    /// SIGKILL: what a power cut looks like to the process.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `hub-server`.
pub(crate) fn server(arguments: &[&str]) -> Run {
    let mut command = Command::new(server_program());
    command.args(arguments);
    Run::of(command)
}

#[track_caller]
pub(crate) fn server_ok(arguments: &[&str]) -> String {
    server(arguments).ok().stdout
}

/// The server program, built beside `hub`.
pub(super) fn server_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = Path::new(env!("CARGO_BIN_EXE_hub")).with_file_name("hub-server");
        assert!(
            program.is_file(),
            "{} is missing: run `cargo build -p hub-server`",
            program.display()
        );
        program
    })
}

/// What a run of `hub` did.
pub(crate) struct Run {
    line: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(mut command: Command) -> Self {
        let output = command.output().unwrap();
        Self::with_output(format!("{command:?}"), &output)
    }

    pub(crate) fn with_output(line: String, output: &std::process::Output) -> Self {
        Self {
            line,
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Expects exit code 0.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self}");
        self
    }

    /// Expects an exit code, one readable error that holds `words`, and no panic.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, words: &str) -> Self {
        assert_eq!(self.code, code, "{self}");
        assert!(
            self.stderr.to_lowercase().contains(&words.to_lowercase()),
            "expected `{words}` in:\n{self}"
        );
        assert!(!self.stderr.contains("panicked"), "{self}");
        self
    }

    /// Standard output as JSON, and nothing else on it.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let run = self.ok();
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}\nexit code {}\n--- stdout\n{}\n--- stderr\n{}",
            self.line, self.code, self.stdout, self.stderr
        )
    }
}

pub(crate) fn hub_at(root: &Path, member: &str, arguments: &[&str]) -> Run {
    Run::of(hub_command(root, member, arguments))
}

pub(crate) fn hub_command(root: &Path, member: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hub"));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HUB_HOME", root.join(member).join("home"))
        .env("ORT_DYLIB_PATH", runtime_library().unwrap())
        .current_dir(root.join(member).join("project"))
        .stdin(Stdio::null());
    command
}

/// Where the onnxruntime library is. Without it nothing here can run: that fails in CI, and is said plainly
/// elsewhere.
pub(crate) fn runtime_library() -> Option<PathBuf> {
    let path = std::env::var_os("ORT_DYLIB_PATH")
        .map(PathBuf::from)
        .filter(|path| path.is_file());
    if path.is_none() {
        missing::tool("ORT_DYLIB_PATH names no onnxruntime library; `make test` sets it");
    }
    path
}

//! Running `hub` in an empty home, without a hub.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// A home and a project folder of one test.
pub(crate) struct Home {
    folder: tempfile::TempDir,
}

/// What a run of `hub` did.
pub(crate) struct Run {
    line: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs `hub` there, with nothing of the surrounding environment.
    pub(crate) fn hub(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments))
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hub"));
        command
            .args(arguments)
            .env_clear()
            .env("HUB_HOME", self.path().join("home"))
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }
}

impl Run {
    pub(crate) fn of(mut command: Command) -> Self {
        let output = command.output().expect("the program starts");
        Self {
            line: format!("{command:?}"),
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Expects success, and standard output to be one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Expects a JSON object a line on standard error; what they warn of.
    #[track_caller]
    pub(crate) fn warnings(&self) -> Vec<String> {
        let text = |object: Value| Some(object["warning"].as_str()?.to_owned());
        self.objects().into_iter().filter_map(text).collect()
    }

    #[track_caller]
    fn objects(&self) -> Vec<Value> {
        let parse =
            |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self}"));
        self.stderr.lines().map(parse).collect()
    }

    /// Expects nothing on standard output, and a JSON object a line on standard error; the last is the error.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        assert_eq!(self.stdout, "", "{self}");
        let value: Value = self
            .objects()
            .pop()
            .unwrap_or_else(|| panic!("no error: {self}"));
        assert_eq!(value["error"]["exit_code"], self.code, "{self}");
        value["error"].clone()
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            line,
            code,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "{line}\nexit code {code}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}

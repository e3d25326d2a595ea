//! Programs that keep passwords: the protocol of docker-credential-helpers.

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::credentials::{Credentials, Kind};

/// Most bytes of an answer.
const ANSWER_BYTES: u64 = 1 << 20;

/// What a helper says of a registry it knows nothing of.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// The user whose secret is an identity token.
const TOKEN_USER: &str = "<token>";

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

/// What `docker-credential-NAME get` answers for a server; none when it has nothing. The program is looked for
/// in the folders of `search_path`.
pub(super) fn ask(
    name: &str,
    server: &str,
    search_path: Option<&str>,
) -> Result<Option<Credentials>, HelperError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !name.bytes().all(is_plain) {
        return Err(HelperError::Name);
    }
    let program = format!("docker-credential-{name}");
    let failed = |source| HelperError::Run {
        program: program.clone(),
        source,
    };
    let mut command = Command::new(&program);
    if let Some(path) = search_path {
        command.env("PATH", path);
    }
    let mut child = command
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read may answer all the same.
        let _: io::Result<()> = writeln!(stdin, "{server}");
    }
    let mut answer = Vec::new();
    let read = match child.stdout.take() {
        Some(stdout) => stdout.take(ANSWER_BYTES).read_to_end(&mut answer),
        None => Ok(0),
    };
    // Waited for in either case, so that nothing of it stays.
    let status = child.wait().map_err(failed)?;
    read.map_err(failed)?;
    if !status.success() {
        // It says why on standard output.
        let words = String::from_utf8_lossy(&answer).trim().to_owned();
        return match words == NOT_FOUND {
            true => Ok(None),
            false => Err(HelperError::Refused { words }),
        };
    }
    let answer: Answer = serde_json::from_slice(&answer).map_err(|_| HelperError::Answer)?;
    Ok(Some(match answer.username.as_str() {
        TOKEN_USER => Credentials(Kind::IdentityToken(answer.secret)),
        user => Credentials::password(user, &answer.secret),
    }))
}

/// A credential helper gives no password.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// Not the name of a program.
    #[error("that is no name of a helper")]
    Name,
    /// It does not run.
    #[error("`{program}` cannot be run")]
    Run {
        /// Which program.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It says no.
    #[error("it says: {words}")]
    Refused {
        /// In its own words.
        words: String,
    },
    /// Not what a helper answers; what it answered may be a secret, and is not told.
    #[error("its answer cannot be understood")]
    Answer,
}

//! Standard error: errors, warnings and remarks.

use std::error::Error;
use std::io::{self, IsTerminal, Write};

use hub_client::hint::{Advice, ErrorCode};
use serde::Serialize;

use crate::args::{ColorChoice, GlobalArgs};
use crate::error::CommandError;
use crate::plain::plain;

/// How to talk on standard error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    json: bool,
    quiet: bool,
    verbose: bool,
    color: bool,
    is_terminal: bool,
}

impl Report {
    pub(crate) fn new(global: &GlobalArgs) -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            color: wants_color(global.color, is_terminal),
            is_terminal,
        }
    }

    /// Whether a progress bar may be drawn.
    pub(crate) fn may_draw(&self) -> bool {
        self.is_terminal && !self.quiet && !self.json
    }

    /// Something good to know.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet && !self.json {
            self.tell(&format!("{text}\n"));
        }
    }

    /// A question; the answer is typed behind it.
    pub(crate) fn question(&self, text: &str) {
        self.tell(&format!("{} ", self.paint("1", text)));
    }

    /// Something that is only said with `--verbose`.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose && !self.json {
            self.tell(&format!("{}\n", self.paint("2", text)));
        }
    }

    /// Something that may be wrong.
    pub(crate) fn warn(&self, text: &str) {
        if !self.quiet {
            self.alert(text);
        }
    }

    /// Something that takes away a protection: said whatever the options are.
    pub(crate) fn alert(&self, text: &str) {
        if self.json {
            let line = serde_json::json!({ "warning": text });
            write_error(&format!("{line}\n"));
        } else {
            self.tell(&format!("{} {text}\n", self.paint("1;33", "warning:")));
        }
    }

    /// The end of a command that failed.
    pub(crate) fn error(&self, error: &CommandError) {
        let advice = error.advice();
        if self.json {
            write_error(&json(error, &advice));
        } else {
            self.tell(&self.text(error, &advice));
        }
    }

    fn text(&self, error: &dyn Error, advice: &Advice) -> String {
        let mut text = format!("{} {error}\n", self.paint("1;31", "error:"));
        for cause in causes(error) {
            text.push_str(&format!("  {} {cause}\n", self.paint("2", "caused by:")));
        }
        if let Some(hint) = &advice.hint {
            text.push_str(&format!("\n{} {hint}\n", self.paint("1;36", "hint:")));
        }
        text
    }

    /// For people: nothing in it steers their terminal.
    fn tell(&self, text: &str) {
        write_error(&plain(text, self.color));
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.color {
            format!("\x1b[{style}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// The command line is not right: clap's message, or an object.
pub(crate) fn usage_error(error: &clap::Error, wants_json: bool) {
    if !wants_json {
        // When standard error is gone there is nobody to tell.
        let _: io::Result<()> = error.print();
        return;
    }
    let text = error.render().to_string();
    // What is missing, or may be written, stands on lines of its own, up to an empty one.
    let lines = text.lines().take_while(|line| !line.is_empty());
    let message = lines.map(str::trim).collect::<Vec<_>>().join(" ");
    let message = message.trim_start_matches("error: ");
    let hint = Some("`hub COMMAND --help` explains each command".to_owned());
    let advice = Advice {
        code: ErrorCode::Usage,
        hint,
    };
    write_error(&object(message.to_owned(), Vec::new(), &advice));
}

/// Whether to use colours, by the option, `NO_COLOR` and the terminal.
pub(crate) fn wants_color(choice: ColorChoice, is_terminal: bool) -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => is_terminal && !no_color,
    }
}

/// The sources of an error, outermost first. One that repeats the text before it says nothing new.
fn causes(error: &dyn Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    texts.remove(0);
    // The last one says what has happened, these only how deep in the libraries.
    let last = texts.pop();
    texts.retain(|text| !LAYERS.contains(&text.as_str()));
    texts.extend(last);
    texts
}

/// What the HTTP libraries put around every failed connection.
const LAYERS: [&str; 5] = [
    "error sending request",
    "client error (Connect)",
    "client error (SendRequest)",
    "dns error",
    "error resolving DNS",
];

#[derive(Serialize)]
struct ErrorObject<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: &'static str,
    message: String,
    causes: Vec<String>,
    hint: Option<&'a str>,
    exit_code: u8,
}

fn json(error: &dyn Error, advice: &Advice) -> String {
    object(error.to_string(), causes(error), advice)
}

fn object(message: String, causes: Vec<String>, advice: &Advice) -> String {
    let (code, exit_code) = (advice.code.as_str(), advice.code.exit_code());
    let error = ErrorBody {
        code,
        message,
        causes,
        hint: advice.hint.as_deref(),
        exit_code,
    };
    let text = serde_json::to_string(&ErrorObject { error });
    text.map_or_else(|error| format!("{error}\n"), |text| format!("{text}\n"))
}

fn write_error(text: &str) {
    // When standard error is gone there is nobody to tell.
    let _: io::Result<()> = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use hub_client::files::FileError;
    use hub_client::runtime::ImageError;
    use hub_client::runtime::decode::{DecodeLimits, Picture};
    use hub_client::worker::Failure;

    fn plain() -> Report {
        Report {
            json: false,
            quiet: false,
            verbose: false,
            color: false,
            is_terminal: false,
        }
    }

    fn full_disk() -> CommandError {
        CommandError::File(FileError::new(
            "cannot write",
            "/hub/blob",
            io::ErrorKind::StorageFull.into(),
        ))
    }

    #[test]
    fn an_error_its_causes_and_a_hint() {
        let error = full_disk();
        insta::assert_snapshot!(plain().text(&error, &error.advice()), @r"
        error: cannot write `/hub/blob`
          caused by: no storage space

        hint: make room (`hub rm REF` removes extractors; the cache folder may be deleted) and try again: nothing was left half-written
        ");
    }

    #[test]
    fn an_error_without_a_hint_ends_after_its_causes() {
        let source = Picture::decode(b"", "a.png", &DecodeLimits::default()).unwrap_err();
        let error = CommandError::Image {
            name: "a.png".into(),
            source: Failure::of_image(&ImageError::Decode(source)),
        };
        let text = plain().text(&error, &error.advice());
        assert!(
            text.starts_with("error: `a.png` cannot be used\n  caused by: "),
            "{text}"
        );
        assert!(!text.contains("hint"), "{text}");
    }

    #[test]
    fn programs_get_an_object() {
        let error = full_disk();
        let value: serde_json::Value =
            serde_json::from_str(&json(&error, &error.advice())).unwrap();
        assert_eq!(value["error"]["code"], "disk_full");
        assert_eq!(value["error"]["exit_code"], 1);
        assert_eq!(value["error"]["causes"][0], "no storage space");
        assert!(value["error"]["hint"].is_string());
    }
}

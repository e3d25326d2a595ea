//! `serve --config FILE`: every option of `serve` by its name, in TOML. What the command line or the
//! environment says wins over the file.
//!
//! The file's settings become words of the command line, so that one parser judges both.

mod error;
mod shown;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches, ValueHint};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::{self, Cli};
pub use error::{FileError, ParseError};
use shown::in_force;

/// Options that a file cannot hold.
const NOT_IN_FILE: [&str; 4] = ["config", "check-config", "help", "version"];

/// Reads the command line and, when it names one, the file.
///
/// # Errors
/// [`ParseError`], which prints itself; also for `--help`.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Cli, ParseError> {
    let mut words: Vec<OsString> = words.into_iter().collect();
    let mut command = Cli::command();
    command.build();
    // What is wrong with the words is told below; here it matters which are there.
    let loose = command.clone().ignore_errors(true);
    let loose = loose.try_get_matches_from(&words).ok();
    let given = loose
        .as_ref()
        .and_then(|given| given.subcommand_matches("serve"));
    let file = given.and_then(|given| given.get_one::<PathBuf>("config"));
    let mut from_file = BTreeSet::new();
    if let (Some(given), Some(path)) = (given, file)
        && let Some(serve) = command.find_subcommand("serve")
    {
        for setting in read(path, serve)? {
            if is_overruled(serve, given, &setting.option) {
                continue;
            }
            words.extend(setting.words);
            from_file.insert(setting.option);
        }
    }
    let matches = Cli::command().try_get_matches_from(words)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    if let (config::Command::Serve(args), Some(("serve", given))) =
        (&mut cli.command, matches.subcommand())
        && let Some(serve) = command.find_subcommand("serve")
    {
        args.settings = in_force(serve, given, &from_file);
    }
    Ok(cli)
}

/// One setting of a file.
#[derive(Debug)]
struct FileSetting {
    /// The option's long name.
    option: String,
    /// It on the command line; nothing for `false`.
    words: Vec<OsString>,
}

/// Reads and judges a file; each setting by itself.
fn read(path: &Path, serve: &Command) -> Result<Vec<FileSetting>, FileError> {
    let text = fs::read_to_string(path).map_err(|source| FileError::Read {
        path: path.to_owned(),
        source,
    })?;
    read_text(&text, path, serve)
}

fn read_text(text: &str, path: &Path, serve: &Command) -> Result<Vec<FileSetting>, FileError> {
    let table = DeTable::parse(text).map_err(|error| FileError::Toml {
        path: path.to_owned(),
        source: Box::new(error),
    })?;
    let mut settings: Vec<_> = table.get_ref().iter().collect();
    settings.sort_by_key(|(key, _)| key.span().start);
    let at = |key: &Spanned<_>| {
        let line = 1 + text[..key.span().start].matches('\n').count();
        (path.to_owned(), line)
    };
    let mut found = Vec::new();
    for (key, value) in settings {
        let name = key.get_ref().as_ref();
        let options = || serve.get_arguments().filter(|option| is_in_file(option));
        let option = options().find(|option| key_of(option).as_deref() == Some(name));
        let Some(option) = option else {
            let (path, line) = at(key);
            return Err(FileError::Unknown {
                path,
                line,
                key: name.to_owned(),
                near: nearest(name, options().filter_map(key_of)),
            });
        };
        let words = words_of(option, value.get_ref(), path).and_then(|words| {
            judge(&words)?;
            Ok(words)
        });
        found.push(FileSetting {
            option: option.get_long().unwrap_or_default().to_owned(),
            words: words.map_err(|reason| {
                let (path, line) = at(key);
                FileError::Value {
                    path,
                    line,
                    key: name.to_owned(),
                    reason,
                }
            })?,
        });
    }
    Ok(found)
}

fn is_in_file(option: &Arg) -> bool {
    option
        .get_long()
        .is_some_and(|name| !NOT_IN_FILE.contains(&name))
}

/// An option's name in a file: `tls_cert` for `--tls-cert`.
fn key_of(option: &Arg) -> Option<String> {
    Some(option.get_long()?.replace('-', "_"))
}

/// A setting as words of the command line. Relative paths are meant from the file's folder.
fn words_of(option: &Arg, value: &DeValue<'_>, file: &Path) -> Result<Vec<OsString>, String> {
    let name = option.get_long().unwrap_or_default();
    if matches!(option.get_action(), ArgAction::SetTrue) {
        return match value.as_bool() {
            Some(true) => Ok(vec![format!("--{name}").into()]),
            Some(false) => Ok(Vec::new()),
            None => Err("`true` or `false` is expected".to_owned()),
        };
    }
    let word = |value: &DeValue<'_>| {
        let text = match value {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            other => {
                return Err(format!(
                    "a text or a whole number is expected, not a {}",
                    other.type_str()
                ));
            }
        };
        let text = match (option.get_value_hint(), file.parent()) {
            (ValueHint::AnyPath, Some(folder)) => folder.join(text).into_os_string(),
            _ => text.into(),
        };
        let mut word = OsString::from(format!("--{name}="));
        word.push(text);
        Ok(word)
    };
    match value.as_array() {
        Some(values) if matches!(option.get_action(), ArgAction::Append) => {
            values.iter().map(|value| word(value.get_ref())).collect()
        }
        _ => Ok(vec![word(value)?]),
    }
}

/// What the parser of the command line says of these words alone.
fn judge(words: &[OsString]) -> Result<(), String> {
    let line = ["hub-server", "serve"].map(OsString::from);
    let line = line.into_iter().chain(words.iter().cloned());
    match Cli::command().try_get_matches_from(line) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidValue | ErrorKind::ValueValidation
            ) =>
        {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            Err(first.trim_start_matches("error: ").to_owned())
        }
        // Options that belong together are looked at when all of them are there.
        _ => Ok(()),
    }
}

/// Whether the command line or the environment gives this option, or one that it cannot stand beside.
fn is_overruled(serve: &Command, given: &ArgMatches, option: &str) -> bool {
    let is_given = |option: &Arg| {
        let source = given.value_source(option.get_id().as_str());
        matches!(
            source,
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        )
    };
    let named = |option: &&Arg| option.get_long().is_some();
    let Some(own) = serve
        .get_arguments()
        .find(|other| other.get_long() == Some(option))
    else {
        return false;
    };
    serve
        .get_arguments()
        .filter(named)
        .filter(|other| is_given(other))
        .any(|other| {
            let conflicts = |one: &Arg, two: &Arg| {
                let against = serve.get_arg_conflicts_with(one);
                against.iter().any(|other| other.get_id() == two.get_id())
            };
            other.get_id() == own.get_id() || conflicts(own, other) || conflicts(other, own)
        })
}

/// The name that was most likely meant.
fn nearest(name: &str, names: impl Iterator<Item = String>) -> Option<String> {
    names
        .map(|other| (strsim::jaro_winkler(name, &other), other))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use super::*;

    const EXAMPLE: &str = include_str!("../../../examples/hub.toml");

    fn serve() -> Command {
        let mut command = Cli::command();
        command.build();
        command.find_subcommand("serve").unwrap().clone()
    }

    /// The arguments of `serve` with a file and more words.
    fn parsed(text: &str, words: &[&str]) -> Result<config::ServeArgs, ParseError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hub.toml");
        fs::write(&file, text).unwrap();
        let line = ["hub-server", "serve", "--config", file.to_str().unwrap()];
        let line = line.iter().chain(words).map(OsString::from);
        match parse(line)?.command {
            config::Command::Serve(args) => Ok(*args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let text = "data = '/srv/hub'\npublic = true\nupload_hours = 3\nlisten = '127.0.0.1:1'\n";
        let args = parsed(text, &["--listen", "127.0.0.1:2"]).unwrap();
        assert_eq!(args.data.folder, Path::new("/srv/hub"));
        assert_eq!(
            (args.upload_hours, args.public, args.listen.port()),
            (3, true, 2)
        );
        let source = |key: &str| {
            let found = args.settings.iter().find(|setting| setting.key == key);
            found.map(|setting| (setting.source, setting.value.as_str()))
        };
        assert_eq!(source("listen"), Some(("command line", "127.0.0.1:2")));
        assert_eq!(source("upload_hours"), Some(("file", "3")));
        assert_eq!(source("reserve_bytes"), Some(("default", "268435456")));
        // What cannot stand beside a word of the command line gives way, too.
        let text = "data = '/srv/hub'\ntls_cert = 'a.pem'\ntls_key = 'b.pem'\n";
        let args = parsed(text, &["--dev-tls"]).unwrap();
        assert!(args.dev_tls && args.tls_cert.is_none() && args.tls_key.is_none());
    }

    #[test]
    fn the_unit_and_the_image_start_what_there_is() {
        const UNIT: &str = include_str!("../../../examples/operations/hub-server.service");
        const IMAGE: &str = include_str!("../../../examples/operations/Containerfile");
        let started = |text: &str, key: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .unwrap();
            line.to_owned()
        };
        let of_unit = started(UNIT, "ExecStart=");
        let of_image: Vec<String> = ["ENTRYPOINT ", "CMD "]
            .iter()
            .flat_map(|key| serde_json::from_str::<Vec<String>>(&started(IMAGE, key)).unwrap())
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hub.toml");
        fs::write(&file, EXAMPLE).unwrap();
        for words in [of_unit, of_image.join(" ")] {
            let words = words.replace("/etc/hub/hub.toml", file.to_str().unwrap());
            let line = words.split(' ').map(OsString::from);
            let config::Command::Serve(args) = parse(line).unwrap().command else {
                panic!("{words}");
            };
            assert_eq!(args.data.folder, Path::new("/var/lib/hub"));
        }
    }

    #[test]
    fn paths_are_meant_from_the_files_folder() {
        let args = parsed("data = 'data'\n", &[]).unwrap();
        assert!(args.data.folder.is_absolute() && args.data.folder.ends_with("data"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let error = |text: &str| parsed(text, &[]).unwrap_err().to_string();
        let unknown = error("data = 'x'\n\ntls_certificate = 'a.pem'\n");
        assert!(
            unknown.contains("line 3") && unknown.contains("`tls_cert`?"),
            "{unknown}"
        );
        let value = error("data = 'x'\nlisten = 'nowhere'\n");
        assert!(
            value.contains("line 2") && value.contains("nowhere"),
            "{value}"
        );
        for (text, word) in [
            ("public = 'yes'", "`true` or `false`"),
            ("upload_hours = 1.5", "whole number"),
            ("upload_hours = -1", "-1"),
            ("config = 'other.toml'", "no setting"),
            ("data = ", "no TOML"),
            ("listen = '127.0.0.1:1'", "--data"),
        ] {
            let error = error(text);
            assert!(error.contains(word), "{error} should hold {word}");
        }
    }

    #[test]
    fn the_example_holds_every_setting_with_a_good_value() {
        let serve = serve();
        let mut text = String::new();
        for line in EXAMPLE.lines() {
            let setting = line.strip_prefix('#').unwrap_or(line);
            let is_setting = setting.split_once(" = ").is_some_and(|(key, _)| {
                key.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            });
            if is_setting {
                text.push_str(setting);
                text.push('\n');
            }
        }
        let read = read_text(&text, Path::new("/etc/hub.toml"), &serve).unwrap();
        let named: BTreeSet<String> = read.into_iter().map(|setting| setting.option).collect();
        let options = serve.get_arguments().filter(|option| is_in_file(option));
        for option in options.filter_map(Arg::get_long) {
            assert!(named.contains(option), "examples/hub.toml lacks {option}");
        }
        // As it is, it can be used.
        let file = Path::new("/etc/hub.toml");
        assert!(!read_text(EXAMPLE, file, &serve).unwrap().is_empty());
    }
}

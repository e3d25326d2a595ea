//! The settings in force, as they are shown.

use std::collections::BTreeSet;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::is_in_file;
use crate::config::Setting;

/// Every setting as it is in force, and where it comes from.
pub(super) fn in_force(
    serve: &Command,
    given: &ArgMatches,
    from_file: &BTreeSet<String>,
) -> Vec<Setting> {
    let mut settings = Vec::new();
    for option in serve.get_arguments().filter(|option| is_in_file(option)) {
        let id = option.get_id().as_str();
        let Some(source) = given.value_source(id) else {
            continue;
        };
        let name = option.get_long().unwrap_or_default();
        let values = given.get_raw(id).into_iter().flatten();
        let values: Vec<String> = values
            .map(|value| without_password(&value.to_string_lossy()))
            .collect();
        settings.push(Setting {
            key: name.replace('-', "_"),
            value: values.join(", "),
            source: match source {
                _ if from_file.contains(name) => "file",
                ValueSource::CommandLine => "command line",
                ValueSource::EnvVariable => "environment",
                _ => "default",
            },
        });
    }
    settings
}

/// `scheme://user:…@host?password=…` for an address with passwords in it.
fn without_password(text: &str) -> String {
    let hidden = || {
        let (scheme, rest) = text.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let authority = match authority.rsplit_once('@') {
            Some((user, host)) => {
                let user = user
                    .split_once(':')
                    .map_or(user.to_owned(), |(user, _)| format!("{user}:…"));
                format!("{user}@{host}")
            }
            None => authority.to_owned(),
        };
        let Some((path, query)) = path.split_once('?') else {
            return Some(format!("{scheme}://{authority}{path}"));
        };
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some((key, _)) if key.to_ascii_lowercase().contains("password") => format!("{key}=…"),
            _ => pair.to_owned(),
        });
        let query = pairs.collect::<Vec<_>>().join("&");
        Some(format!("{scheme}://{authority}{path}?{query}"))
    };
    hidden().unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (text, shown) in [
            ("postgres://hub:secret@db/hub", "postgres://hub:…@db/hub"),
            ("postgres://hub@db/hub", "postgres://hub@db/hub"),
            (
                "postgres:///hub?user=hub&password=secret&host=/run",
                "postgres:///hub?user=hub&password=…&host=/run",
            ),
            (
                "postgres://hub:secret@db/hub?sslmode=disable",
                "postgres://hub:…@db/hub?sslmode=disable",
            ),
            ("/srv/hub", "/srv/hub"),
        ] {
            assert_eq!(without_password(text), shown);
        }
    }
}

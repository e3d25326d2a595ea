//! The reference of all commands as Markdown, made from what clap knows.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command, CommandFactory};
use hub_client::hint::ErrorCode;

use crate::args::Cli;

/// The text of docs/CLI.md.
pub(crate) fn markdown() -> String {
    let mut root = Cli::command();
    root.build();
    let mut text = String::from(START);
    write_command(&mut text, &root, &[]);
    write_codes(&mut text);
    text
}

const START: &str = "\
<!-- Made by `hub reference`; change the sources in hub-client/src/bin/hub/args, then run
HUB_UPDATE_DOCS=1 cargo test -p hub-client --test cli_help -->

# The `hub` command

Data goes to standard output, everything else to standard error. With `--json`, data is one JSON
object, and an error is one JSON object on standard error:

```json
{\"error\": {\"code\": \"not_installed\", \"message\": \"…\", \"causes\": [\"…\"], \"hint\": \"…\", \"exit_code\": 3}}
```

Extractors run in a process of their own that can read the pictures and the extractor, write nothing
and open no connection (docs/TRUST.md, \"Running what a rival wrote\"). Where the kernel lacks the
means, each command that runs one says so on standard error, also with `--quiet`; with `--json` as
an object `{\"warning\": \"…\"}` on a line of its own. So do commands that follow the trust root when the
log could not be checked.

`list`, `verify`, `export`, `import`, `rm`, `embed`, `train`, `predict`, `eval`, `head`, `similar`,
`clusters`, `outliers`, `duplicates`, `map`, `next`, `choose`, `labels`, `new` and `extractor` open no
connection, nor does `pull` when what hub.lock names is installed and whole. `label` and `serve` open
none either, and listen on this machine.

## Environment

| Variable | Meaning |
|---|---|
| `HUB_HOME` | One folder for everything: settings, keys, extractors, heads, cache. Without it, the XDG folders are used. |
| `HUB_REGISTRY` | The hub, as `--hub`. |
| `HUB_TOKEN`, `HUB_TOKEN_FILE` | The token, or a file that holds it. Never an option, because other users see those. |
| `HUB_OFFLINE` | Open no connection, as `--offline`. |
| `HUB_MIRROR` | Where pulls take files from, as `hub pull --mirror`. |
| `HUB_MIRROR_TOKEN` | The password or token of an OCI registry that `--mirror` names. |
| `HUB_THREADS` | Threads, as `--threads`. |
| `ORT_DYLIB_PATH` | The ONNX Runtime library; else `$HUB_HOME/runtime`, else the system's. |
| `HUB_PROBE_SECONDS` | Time that the run of an extractor's probes may take; chosen from its size when absent. |
| `HUB_PROBE_MIB` | Memory that it may take, in MiB; chosen from its size, at least 4096, when absent. |
| `NO_COLOR` | No colours. |

Options come before the environment, the environment before the settings of `hub login`. The token
and the certificate of `hub login` are used for that hub only.

";

fn write_command(text: &mut String, command: &Command, parents: &[&str]) {
    let name = [parents, &[command.get_name()]].concat();
    let is_group = command.get_subcommands().any(|one| !one.is_hide_set());
    let level = if parents.is_empty() { "##" } else { "###" };
    let _ = writeln!(text, "{level} `{}`\n", name.join(" "));
    if let Some(about) = command.get_about() {
        let _ = writeln!(text, "{about}\n");
    }
    if !is_group {
        let usage = command.clone().render_usage().to_string();
        let _ = writeln!(
            text,
            "```text\n{}\n```\n",
            usage.trim_start_matches("Usage: ")
        );
    }
    let shown = |one: &&Arg| !one.is_hide_set() && !one.is_global_set() && !is_builtin(one);
    write_arguments(text, command.get_arguments().filter(shown));
    if parents.is_empty() {
        let _ = writeln!(text, "Options of every command:\n");
        write_arguments(
            text,
            command
                .get_arguments()
                .filter(|one| one.is_global_set() && !is_builtin(one)),
        );
    }
    if let Some(after) = command.get_after_help() {
        write_after(text, &after.to_string());
    }
    for one in command.get_subcommands().filter(|one| !one.is_hide_set()) {
        write_command(text, one, &name);
    }
}

fn is_builtin(argument: &Arg) -> bool {
    matches!(argument.get_id().as_str(), "help" | "version")
}

fn write_arguments<'a>(text: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    let mut any = false;
    for argument in arguments {
        any = true;
        let _ = write!(text, "- `{}`", spelling(argument));
        if let Some(help) = argument.get_help() {
            let _ = write!(text, ": {help}");
        }
        if let Some(variable) = argument.get_env() {
            let _ = write!(text, " (`{}`)", variable.to_string_lossy());
        }
        write_values(text, argument);
        text.push('\n');
    }
    if any {
        text.push('\n');
    }
}

/// What it takes and its default, for options that take a value.
fn write_values(text: &mut String, argument: &Arg) {
    if !matches!(argument.get_action(), ArgAction::Set | ArgAction::Append) {
        return;
    }
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() {
        let _ = write!(text, " [{}]", values.join(", "));
    }
    let defaults: Vec<_> = argument
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy())
        .collect();
    if !defaults.is_empty() {
        let _ = write!(text, " [default: `{}`]", defaults.join(" "));
    }
}

fn spelling(argument: &Arg) -> String {
    let value = argument
        .get_value_names()
        .and_then(|names| names.first())
        .map(|name| format!("<{name}>"));
    if argument.is_positional() {
        return value.unwrap_or_default();
    }
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let names = short.into_iter().chain(long).collect::<Vec<_>>().join(", ");
    match value.filter(|_| argument.get_action().takes_values()) {
        Some(value) => format!("{names} {value}"),
        None => names,
    }
}

/// Prose as it is, what is indented below "Examples:" as code.
fn write_after(text: &mut String, after: &str) {
    let mut is_code = false;
    for line in after.lines() {
        let is_indented = line.starts_with("  ");
        if is_indented != is_code {
            let fence = match is_indented {
                true if line.starts_with("  hub ") => "\n```sh\n",
                true => "\n```text\n",
                false => "```\n",
            };
            text.push_str(fence);
            is_code = is_indented;
        }
        let _ = writeln!(text, "{}", line.strip_prefix("  ").unwrap_or(line));
    }
    text.push_str(if is_code { "```\n\n" } else { "\n" });
}

fn write_codes(text: &mut String) {
    text.push_str("## Error codes\n\nCodes are stable. `--json` shows them.\n\n| Code | Exit | Meaning |\n|---|---|---|\n");
    for code in ErrorCode::ALL {
        let _ = writeln!(
            text,
            "| `{code}` | {} | {} |",
            code.exit_code(),
            code.title()
        );
    }
}

//! What `--help` says of every command, and that docs/CLI.md says the same.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    dead_code,
    reason = "tests"
)]

mod cli_support;

use std::collections::BTreeSet;
use std::path::Path;

use cli_support::Home;

const COMMANDS: [&str; 72] = [
    "",
    "login",
    "logout",
    "trust",
    "search",
    "show",
    "pull",
    "list",
    "verify",
    "export",
    "import",
    "mirror",
    "audit",
    "rm",
    "embed",
    "train",
    "predict",
    "eval",
    "head",
    "head list",
    "head show",
    "head history",
    "head diff",
    "head rollback",
    "head upgrade",
    "head explain",
    "head rm",
    "head export",
    "similar",
    "clusters",
    "outliers",
    "duplicates",
    "map",
    "next",
    "choose",
    "label",
    "serve",
    "labels",
    "labels import",
    "labels export",
    "labels undo",
    "labels show",
    "keygen",
    "consortium",
    "consortium init",
    "consortium propose",
    "consortium add-member",
    "consortium remove-member",
    "consortium replace-key",
    "consortium set-owners",
    "consortium set-witnesses",
    "consortium sign",
    "consortium publish",
    "consortium rotate-keys",
    "consortium show",
    "witness",
    "witness init",
    "witness serve",
    "new",
    "extractor",
    "extractor cut",
    "extractor reduce",
    "extractor combine",
    "extractor variant",
    "check",
    "publish",
    "cosign",
    "attest",
    "advisory",
    "disown",
    "yank",
    "doctor",
];

#[test]
fn every_command_explains_itself() {
    let home = Home::new();
    for command in COMMANDS {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let run = home.hub(&arguments);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run}");
        let is_group = matches!(
            command,
            "" | "head" | "consortium" | "witness" | "labels" | "extractor"
        );
        assert!(
            is_group || run.stdout.contains("Examples:\n  hub "),
            "{command} has no example:\n{run}"
        );
        let name = if command.is_empty() {
            "hub".to_owned()
        } else {
            command.replace(' ', "_")
        };
        insta::assert_snapshot!(name, run.stdout);
    }
}

#[test]
fn the_reference_is_the_one_in_the_docs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/CLI.md");
    let run = Home::new().hub(&["reference"]);
    assert_eq!(run.code, 0, "{run}");
    if std::env::var_os("HUB_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &run.stdout).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let command = "HUB_UPDATE_DOCS=1 cargo test -p hub-client --test cli_help";
    assert!(
        written == run.stdout,
        "docs/CLI.md is not what `hub reference` says: run {command}"
    );
}

#[test]
fn the_reference_names_every_command_and_no_other() {
    let reference = Home::new().hub(&["reference"]).stdout;
    let headings = reference
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(" `hub"));
    let found: BTreeSet<&str> = headings
        .map(|rest| rest.trim_end_matches('`').trim())
        .collect();
    let expected: BTreeSet<&str> = COMMANDS.into_iter().chain(["completions"]).collect();
    assert_eq!(found, expected);
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = Home::new().hub(&["completions", shell]);
        assert_eq!(run.code, 0, "{run}");
        for word in ["consortium", "without-probes", "predict"] {
            assert!(run.stdout.contains(word), "{shell}: no {word}");
        }
    }
}

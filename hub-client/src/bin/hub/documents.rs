//! A test of what the documents show: every command in them is one that there is, with options that it has.

use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory};

use crate::args::Cli;

#[test]
fn documents_show_commands_that_there_are() {
    let mut shown = 0;
    let mut wrong = Vec::new();
    for path in documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        for line in lines(&text) {
            for words in commands(&line.text) {
                shown += 1;
                if let Some(problem) = problem(&words, line.is_whole) {
                    wrong.push(format!("{}: {}: {problem}", path.display(), line.text));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(
        shown > 300,
        "only {shown} commands were found in the documents"
    );
}

#[test]
fn what_is_no_command_is_found() {
    let problems = |text: &str| -> Vec<String> {
        let found = lines(text).into_iter().flat_map(|line| {
            let words = commands(&line.text).into_iter();
            words.filter_map(move |words| problem(&words, line.is_whole))
        });
        found.collect()
    };
    let good = "say `hub\nlogin URL`, `hub train …`\n```\nalpha$ hub list | jq '.a' && hub doctor # look\n    ok\n```\n";
    assert_eq!(problems(good), [""; 0]);
    for bad in [
        "`hub fly`",
        "`hub list --fast`",
        "```\nhub train\n```",
        "```sh\nx=1 hub-server serve --data DIR \\\n  --lisen 1\n```",
        "```\n$ hub list > a.txt; hub lst\n```",
        "```\nhub head export a --format exe -o a\n```",
    ] {
        assert_eq!(problems(bad).len(), 1, "{bad}");
    }
}

/// The README and the documents.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let pages = std::fs::read_dir(root.join("docs")).unwrap();
    let mut found: Vec<_> = pages
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .collect();
    found.push(root.join("README.md"));
    found.sort();
    found
}

/// A line that may hold commands.
struct Line {
    text: String,
    /// From a block, so that nothing is left out; not within a sentence.
    is_whole: bool,
}

/// Lines of blocks, with those that follow a `\`, and code within sentences.
fn lines(markdown: &str) -> Vec<Line> {
    let mut found = Vec::new();
    for (number, part) in markdown.split("```").enumerate() {
        if number % 2 == 0 {
            let code = part.split('`').skip(1).step_by(2);
            found.extend(code.map(|text| Line {
                text: text.replace('\n', " "),
                is_whole: false,
            }));
            continue;
        }
        let joined = part.replace("\\\n", " ");
        let (language, block) = joined.split_once('\n').unwrap_or_default();
        if !matches!(language.trim(), "" | "sh" | "console") {
            continue;
        }
        let block: Vec<&str> = block.lines().map(str::trim).collect();
        let typed: Vec<&str> = block.iter().copied().filter_map(after_prompt).collect();
        let lines = if typed.is_empty() { block } else { typed };
        found.extend(lines.into_iter().map(|text| Line {
            text: text.to_owned(),
            is_whole: true,
        }));
    }
    found
}

/// What follows `$ ` or `alpha$ `.
fn after_prompt(line: &str) -> Option<&str> {
    let (who, typed) = line.split_once("$ ")?;
    who.bytes()
        .all(|byte| byte.is_ascii_lowercase())
        .then_some(typed)
}

/// The words of each command of ours in a line of a shell.
fn commands(line: &str) -> Vec<Vec<String>> {
    let is_before = |word: &String| {
        word == "as_hub"
            || word
                .split_once('=')
                .is_some_and(|(name, _)| !name.contains('-'))
    };
    let own = |words: Vec<String>| -> Option<Vec<String>> {
        let words: Vec<String> = words.into_iter().skip_while(is_before).collect();
        let program = words.first()?;
        (program == "hub" || program == "hub-server").then_some(words)
    };
    shell_commands(line).into_iter().filter_map(own).collect()
}

/// Words as a shell would divide them, as far as the documents use it; without what is sent elsewhere.
fn shell_commands(line: &str) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let mut word = String::new();
    let mut quote = None;
    let mut is_file = false;
    for c in line.chars().chain(['\n']) {
        match (c, quote) {
            (_, Some(end)) if c == end => quote = None,
            (_, Some(_)) => word.push(c),
            ('\'' | '"', None) => quote = Some(c),
            ('#', None) if word.is_empty() => break,
            ('[' | ']', None) => {}
            (' ' | '\n' | '|' | '&' | ';' | '(' | ')' | '<' | '>', None) => {
                let ended = std::mem::take(&mut word);
                let is_left_out = std::mem::take(&mut is_file);
                if !ended.is_empty() && !is_left_out {
                    all.last_mut().unwrap().push(ended);
                } else if c == ' ' && ended.is_empty() {
                    is_file = is_left_out;
                }
                match c {
                    '<' | '>' => is_file = true,
                    ' ' => {}
                    _ => all.push(Vec::new()),
                }
            }
            _ => word.push(c),
        }
    }
    all
}

/// What the program itself would say of a command line.
fn problem(words: &[String], is_whole: bool) -> Option<String> {
    let is_placeholder =
        |word: &String| word.contains(['…', '$']) || word.chars().any(char::is_uppercase);
    // `hub COMMAND --help`
    if words.get(1).is_some_and(is_placeholder) {
        return None;
    }
    let mut kept: Vec<&String> = Vec::new();
    for word in words {
        // Something is left out, unless it is the value of an option.
        if word != "…" || kept.last().is_some_and(|before| before.starts_with("--")) {
            kept.push(word);
        }
    }
    let has_placeholders = words.iter().any(is_placeholder);
    let error = program(&words[0]).try_get_matches_from(kept).err()?;
    let is_wrong = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => false,
        // `--draft` in a sentence, without its value.
        ErrorKind::InvalidValue if !is_whole && lacks_value(&error) => false,
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => !has_placeholders,
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => is_whole && !has_placeholders,
        _ => true,
    };
    is_wrong.then(|| error.to_string())
}

fn lacks_value(error: &clap::Error) -> bool {
    let value = error.get(ContextKind::InvalidValue);
    matches!(value, Some(ContextValue::String(value)) if value.is_empty())
}

fn program(name: &str) -> Command {
    match name {
        "hub" => Cli::command(),
        _ => hub_server::config::Cli::command(),
    }
}

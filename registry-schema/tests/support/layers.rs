//! Reads a crate's sources and holds them against its table of floors and doors.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A crate's sources without their unit tests, by path below `src`.
pub(crate) struct Crate {
    sources: BTreeMap<PathBuf, String>,
}

/// Something outside that only some modules may touch.
pub(crate) struct Door {
    /// The text that gives it away.
    pub(crate) thing: &'static str,
    /// Path prefixes below `src` that may hold it.
    pub(crate) allowed: &'static [&'static str],
}

impl Crate {
    /// Reads the crate in a folder.
    pub(crate) fn here(manifest_dir: &str) -> Self {
        let root = Path::new(manifest_dir).join("src");
        let mut sources = BTreeMap::new();
        collect(&root, &root, &mut sources);
        assert!(!sources.is_empty(), "no sources under {}", root.display());
        Self { sources }
    }

    /// Checks `use crate::…` and `crate::…::` against the floors, lowest first. Modules of one floor do not know
    /// each other.
    pub(crate) fn check_floors(&self, floors: &[&[&str]]) {
        let floor_of = |module: &str| floors.iter().position(|floor| floor.contains(&module));
        let mut wrong = Vec::new();
        for (path, text) in &self.sources {
            let module = module_of(path);
            if module == "lib" || module == "main" || module == "bin" {
                continue;
            }
            let Some(own) = floor_of(&module) else {
                wrong.push(format!("`{module}` has no floor"));
                continue;
            };
            for other in crate_paths(text) {
                let is_lower = floor_of(&other).is_some_and(|floor| floor < own);
                if other != module && !is_lower {
                    wrong.push(format!(
                        "{}: `{module}` may not use `{other}`",
                        path.display()
                    ));
                }
            }
        }
        wrong.sort();
        wrong.dedup();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// The same within one module: its parts import lower floors of it only. What is in its `mod.rs`
    /// stands above all of them.
    #[allow(dead_code, reason = "not every crate has such a module")]
    pub(crate) fn check_inner_floors(&self, module: &str, floors: &[&[&str]]) {
        let floor_of = |part: &str| floors.iter().position(|floor| floor.contains(&part));
        let prefix = format!("crate::{module}::");
        let mut wrong = Vec::new();
        for (path, text) in &self.sources {
            let Ok(inner) = path.strip_prefix(module) else {
                continue;
            };
            let part = module_of(inner);
            if part == "mod" {
                continue;
            }
            let Some(own) = floor_of(&part) else {
                wrong.push(format!("`{module}/{part}` has no floor"));
                continue;
            };
            let inner = text.replace(&prefix, "crate::");
            for other in crate_paths(&inner) {
                if other != part && floor_of(&other).is_some_and(|floor| floor >= own) {
                    let file = path.display();
                    wrong.push(format!("{file}: `{part}` may not use `{other}`"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Checks that each thing is touched behind its door only.
    pub(crate) fn check_doors(&self, doors: &[Door]) {
        let mut wrong = Vec::new();
        for door in doors {
            let outside = self.sources.iter().filter(|(path, text)| {
                let path = path.to_string_lossy();
                let allowed = door.allowed.iter().any(|prefix| path.starts_with(prefix));
                !allowed
                    && text
                        .lines()
                        .any(|line| is_code(line) && names(line, door.thing))
            });
            wrong.extend(
                outside.map(|(path, _)| format!("{} touches `{}`", path.display(), door.thing)),
            );
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

fn collect(root: &Path, folder: &Path, sources: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).expect("a readable source folder") {
        let path = entry.expect("a readable entry").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && name != "tests" {
            collect(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "tests.rs"
        {
            let text = fs::read_to_string(&path).expect("a readable source");
            let code = text
                .split("#[cfg(test)]")
                .next()
                .unwrap_or_default()
                .to_owned();
            sources.insert(path.strip_prefix(root).expect("below src").to_owned(), code);
        }
    }
}

fn module_of(path: &Path) -> String {
    let first = path.components().next().expect("a path below src");
    first
        .as_os_str()
        .to_string_lossy()
        .trim_end_matches(".rs")
        .to_owned()
}

/// Whether a line holds `thing` as a word of its own: `ort::` is not in `transport::`.
fn names(line: &str, thing: &str) -> bool {
    line.match_indices(thing).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

fn is_code(line: &str) -> bool {
    !line.trim_start().starts_with("//")
}

/// The modules named after `crate::`, also those of a braced list.
fn crate_paths(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .filter(|line| is_code(line))
        .collect::<Vec<_>>()
        .join("\n");
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect()
    };
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(
                list.split('}')
                    .next()
                    .unwrap_or_default()
                    .split(',')
                    .map(|part| word(part.trim())),
            ),
            None => found.push(word(rest)),
        }
    }
    found.retain(|module| !module.is_empty());
    found
}

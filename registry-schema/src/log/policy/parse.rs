//! Reading a policy's lines.

use std::collections::BTreeSet;

use super::{Group, Policy, PolicyLog, PolicyWitness};
use crate::limits;
use crate::log::checkpoint::Origin;
use crate::log::note::{KeyKind, NoteKeyError, VerifierKey};
use crate::log::text::{decimal, shown};

/// Reads the whole text.
pub(super) fn parse(text: &str) -> Result<Policy, LogPolicyError> {
    if text.len() > limits::LOG_POLICY_BYTES {
        return Err(LogPolicyError::TooLarge {
            size_bytes: text.len(),
        });
    }
    let mut reader = Reader::default();
    for (number, line) in (1..).zip(text.split('\n')) {
        let wrong = |problem| LogPolicyError::Line {
            line: number,
            problem: Box::new(problem),
        };
        if line.contains(|c: char| c.is_ascii_control() && c != '\t') {
            return Err(wrong(LineProblem::Control));
        }
        let words: Vec<&str> = line
            .split([' ', '\t'])
            .filter(|word| !word.is_empty())
            .collect();
        if words.first().is_some_and(|word| !word.starts_with('#')) {
            reader.line(&words).map_err(wrong)?;
        }
    }
    Ok(Policy {
        text: text.to_owned(),
        logs: reader.logs,
        witnesses: reader.witnesses,
        groups: reader.groups,
        quorum: reader.quorum.ok_or(LogPolicyError::NoQuorum)?,
    })
}

#[derive(Default)]
struct Reader {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    quorum: Option<Option<String>>,
    /// Witnesses and groups share their names.
    names: BTreeSet<String>,
    /// Names that are members of a group already.
    members: BTreeSet<String>,
}

impl Reader {
    fn line(&mut self, words: &[&str]) -> Result<(), LineProblem> {
        match words {
            ["log", key, url @ ..] if url.len() <= 1 => self.log(key, url),
            ["witness", name, key, url @ ..] if url.len() <= 1 => self.witness(name, key, url),
            ["group", name, needed, members @ ..] if !members.is_empty() => {
                self.group(name, needed, members)
            }
            ["quorum", name] => self.quorum(name),
            _ => Err(LineProblem::Form),
        }
    }

    fn log(&mut self, key: &str, url: &[&str]) -> Result<(), LineProblem> {
        let key = parse_key(key, KeyKind::Ed25519)?;
        let name = key.name().to_string();
        if name.parse::<Origin>().is_err() {
            return Err(LineProblem::Origin { name });
        }
        // Two keys of one log would let either of them speak alone.
        let is_taken =
            |log: &PolicyLog| log.key.public() == key.public() || log.key.name() == key.name();
        if self.logs.iter().any(is_taken) {
            return Err(LineProblem::Duplicate { name });
        }
        check_count(self.logs.len())?;
        self.logs.push(PolicyLog {
            key,
            url: first(url),
        });
        Ok(())
    }

    fn witness(&mut self, name: &str, key: &str, url: &[&str]) -> Result<(), LineProblem> {
        let key = parse_key(key, KeyKind::Cosignature)?;
        if self
            .witnesses
            .iter()
            .any(|witness| witness.key.public() == key.public())
        {
            return Err(LineProblem::Duplicate { name: shown(name) });
        }
        check_count(self.witnesses.len())?;
        self.define(name)?;
        self.witnesses.push(PolicyWitness {
            name: name.to_owned(),
            key,
            url: first(url),
        });
        Ok(())
    }

    fn group(&mut self, name: &str, needed: &str, members: &[&str]) -> Result<(), LineProblem> {
        let needed = match needed {
            "any" => 1,
            "all" => members.len(),
            number => decimal(number)
                .and_then(|number| usize::try_from(number).ok())
                .filter(|number| (1..=members.len()).contains(number))
                .ok_or_else(|| LineProblem::Threshold {
                    text: shown(number),
                    members: members.len(),
                })?,
        };
        for member in members {
            self.check_defined(member)?;
            if !self.members.insert((*member).to_owned()) {
                return Err(LineProblem::MemberTwice {
                    name: shown(member),
                });
            }
        }
        check_count(self.groups.len())?;
        self.define(name)?;
        self.groups.push(Group {
            name: name.to_owned(),
            needed,
            members: members.iter().map(ToString::to_string).collect(),
        });
        Ok(())
    }

    fn quorum(&mut self, name: &str) -> Result<(), LineProblem> {
        if self.quorum.is_some() {
            return Err(LineProblem::SecondQuorum);
        }
        let quorum = if name == "none" {
            None
        } else {
            self.check_defined(name)?;
            Some(name.to_owned())
        };
        self.quorum = Some(quorum);
        Ok(())
    }

    fn define(&mut self, name: &str) -> Result<(), LineProblem> {
        if name == "none" || !self.names.insert(name.to_owned()) {
            return Err(LineProblem::Duplicate { name: shown(name) });
        }
        Ok(())
    }

    fn check_defined(&self, name: &str) -> Result<(), LineProblem> {
        if self.names.contains(name) {
            Ok(())
        } else {
            Err(LineProblem::Undefined { name: shown(name) })
        }
    }
}

fn parse_key(text: &str, kind: KeyKind) -> Result<VerifierKey, LineProblem> {
    let key: VerifierKey = text.parse()?;
    if key.kind() == kind {
        Ok(key)
    } else {
        Err(LineProblem::KeyKind {
            name: key.name().to_string(),
        })
    }
}

fn first(url: &[&str]) -> Option<String> {
    url.first().map(ToString::to_string)
}

fn check_count(count: usize) -> Result<(), LineProblem> {
    if count < limits::LOG_POLICY_NAMES {
        Ok(())
    } else {
        Err(LineProblem::TooMany)
    }
}

/// What is wrong with a log policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogPolicyError {
    /// Past [`limits::LOG_POLICY_BYTES`].
    #[error(
        "the log policy has {size_bytes} bytes, past the limit of {}",
        limits::LOG_POLICY_BYTES
    )]
    TooLarge {
        /// Its size.
        size_bytes: usize,
    },
    /// No quorum line.
    #[error("the log policy has no `quorum` line: write `quorum none` if no witness is needed")]
    NoQuorum,
    /// A line.
    #[error("line {line} of the log policy: {problem}")]
    Line {
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: Box<LineProblem>,
    },
}

/// What is wrong with a line of a log policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// Characters a policy may not hold.
    #[error("it holds control characters other than tab and line feed")]
    Control,
    /// None of the four.
    #[error(
        "expected `log KEY [URL]`, `witness NAME KEY [URL]`, `group NAME all|any|K MEMBER…` or `quorum NAME|none`"
    )]
    Form,
    /// A key.
    #[error(transparent)]
    Key(#[from] NoteKeyError),
    /// A log with the key of a witness, or the reverse.
    #[error(
        "the key of `{name}` is of the wrong kind: a log has a plain Ed25519 key, a witness one for cosignatures"
    )]
    KeyKind {
        /// Whose.
        name: String,
    },
    /// Not a name of a log.
    #[error(
        "`{name}` cannot be the origin of a log: an address without scheme and without a slash at its end"
    )]
    Origin {
        /// What it was.
        name: String,
    },
    /// A name or key that is there already, or `none`.
    #[error("`{name}` or its key is there already")]
    Duplicate {
        /// Which.
        name: String,
    },
    /// A name that comes later or never.
    #[error("`{name}` is not defined by a line before this one")]
    Undefined {
        /// Which.
        name: String,
    },
    /// A member of two groups would count twice.
    #[error("`{name}` is a member of a group already")]
    MemberTwice {
        /// Which.
        name: String,
    },
    /// Not between 1 and the number of members.
    #[error("`{text}` of {members} members cannot be needed: write `all`, `any` or 1 to {members}")]
    Threshold {
        /// What it was.
        text: String,
        /// How many there are.
        members: usize,
    },
    /// Only one counts.
    #[error("there is a `quorum` line already")]
    SecondQuorum,
    /// Past [`limits::LOG_POLICY_NAMES`].
    #[error("more than {} of one kind", limits::LOG_POLICY_NAMES)]
    TooMany,
}

//! Who published what, and has anyone been lied to.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::Args;
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::Reference;

/// `hub audit`
#[derive(Debug, Args)]
#[command(after_help = "\
With REF: who signed it, with which keys, where it is in the log and which witnesses have seen that,
what was said about it since, from what it was made, and whether what is installed here is the same.
Everything shown is verified. Without REF: every installed release is held against what is known
today.

With --monitor the whole log is read from where the last run ended, every entry verified. It tells of
what was said in your name and was not signed on this machine, of entries that no honest hub would
have logged, of what the hub does not show though its log has it, and of new members, keys and
owners. What was signed elsewhere is named with --expect: the signed.jsonl of another machine, what
`hub publish --json` answered, or digests of statements, one a line. Alarms are told again until
they are acknowledged. Once it has read the log, `hub audit REF` can tell that nothing was left out.

Exit codes: 0 nothing to look at, 7 something to look at, 4 somebody is caught at a lie; the others
as for all commands. --json with --monitor prints one object a line, the last with a summary.

Examples:
  hub audit passport-extractor@2
  hub audit
  hub audit --monitor --quiet
  hub audit --monitor --member acme --name passport-extractor --expect signed-elsewhere.jsonl
  hub audit --monitor --acknowledge 118 --acknowledge 120-125
  hub audit --monitor --tiles mirror/log --offline")]
pub(crate) struct AuditArgs {
    /// The release; everything that is installed here when absent
    #[arg(value_name = "REF", conflicts_with = "monitor")]
    pub(crate) reference: Option<Reference>,
    /// Read the whole log from where the last run ended
    #[arg(long)]
    pub(crate) monitor: bool,
    /// A member whose names and keys are yours; the one of the token when absent. Repeatable
    #[arg(long = "member", value_name = "MEMBER", requires = "monitor")]
    pub(crate) members: Vec<MemberName>,
    /// A further name that is yours. Repeatable
    #[arg(long = "name", value_name = "NAME", requires = "monitor")]
    pub(crate) names: Vec<Name>,
    /// A further key that is yours: its name, or the file of its public half. Repeatable
    #[arg(long = "key", value_name = "NAME|FILE", requires = "monitor")]
    pub(crate) keys: Vec<String>,
    /// A file that names statements you have signed elsewhere. Repeatable
    #[arg(long = "expect", value_name = "FILE", requires = "monitor")]
    pub(crate) expected: Vec<PathBuf>,
    /// An entry you know of now, or a range of them. Repeatable
    #[arg(long = "acknowledge", value_name = "INDEX", requires = "monitor", value_parser = entries)]
    pub(crate) acknowledged: Vec<RangeInclusive<u64>>,
    /// Read the log from a folder laid out as a hub serves it, under the trust root that is kept
    #[arg(long, value_name = "DIR", requires = "monitor")]
    pub(crate) tiles: Option<PathBuf>,
}

/// `118` or `120-125`.
fn entries(text: &str) -> Result<RangeInclusive<u64>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok(first..=last),
        _ => Err("expected the index of an entry such as 118, or 120-125".to_owned()),
    }
}

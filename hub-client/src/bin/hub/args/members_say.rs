//! What a member says about others' releases.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use registry_schema::reference::Reference;
use registry_schema::statement::{Severity, Verdict};
use semver::Version;

/// `hub attest`
#[derive(Debug, Args)]
#[command(after_help = "\
Signs counts and figures, never images, features or heads. Figures on images the head was trained
on are refused. Members' settings may ask for others' evaluations before `name@2` moves to a new
release (evaluations_required in config.toml); those that found it fit count.

Examples:
  hub eval border-check --images held-out/ --json > eval.json
  hub attest passport-extractor@2.1.0 --evaluation eval.json
  hub attest passport-extractor@2.1.0 --evaluation eval.json --hide-classes \\
    --task \"passports photographed with phones\" --verdict warned --compared-with before.json")]
pub(crate) struct AttestArgs {
    /// The release that was evaluated
    #[arg(value_name = "REF")]
    pub(crate) reference: Reference,
    /// What `hub eval --json` wrote
    #[arg(long, value_name = "FILE")]
    pub(crate) evaluation: PathBuf,
    /// What was to be told apart, on what kind of images; the names of the classes when absent
    #[arg(long, value_name = "TEXT")]
    pub(crate) task: Option<String>,
    /// Whether you would use it for that
    #[arg(long, value_enum, default_value = "passed")]
    pub(crate) verdict: VerdictArg,
    /// An evaluation of another release on the same images
    #[arg(long, value_name = "FILE")]
    pub(crate) compared_with: Option<PathBuf>,
    /// Call the classes `class 1`, `class 2`, …
    #[arg(long)]
    pub(crate) hide_classes: bool,
    /// The key to sign with: its name, or the path of its file
    #[arg(long, value_name = "NAME|FILE", default_value = "default")]
    pub(crate) key: String,
    /// Sign and verify, but send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What a member makes of its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum VerdictArg {
    /// Fit for the task
    Passed,
    /// Usable, with reservations
    Warned,
    /// Not fit for the task
    Failed,
}

impl From<VerdictArg> for Verdict {
    fn from(verdict: VerdictArg) -> Self {
        match verdict {
            VerdictArg::Passed => Self::Passed,
            VerdictArg::Warned => Self::Warned,
            VerdictArg::Failed => Self::Failed,
        }
    }
}

/// `hub advisory`
#[derive(Debug, Args)]
#[command(after_help = "\
Any member may warn about any release; whoever pulls an affected one is told. Without a range the
warning is about the one release. Your own advisories have numbers, by which you amend and close
them; nobody else can.

Examples:
  hub advisory passport-extractor@2.1.0 --severity high --title \"Blind to glossy covers\" \\
    --text \"Features of glossy pages are all alike. Tilt the page.\"
  hub advisory passport-extractor@2.1.0 --amend 1 --introduced 2.0.0 --fixed-in 2.1.1
  hub advisory passport-extractor@2.1.0 --close 1 --text \"it was our scanner\"")]
pub(crate) struct AdvisoryArgs {
    /// An affected release
    #[arg(value_name = "REF")]
    pub(crate) reference: Reference,
    /// How bad it is
    #[arg(long, value_enum, required_unless_present_any = ["amend", "close"], conflicts_with = "close")]
    pub(crate) severity: Option<SeverityArg>,
    /// One line
    #[arg(long, value_name = "TEXT", required_unless_present_any = ["amend", "close"], conflicts_with = "close")]
    pub(crate) title: Option<String>,
    /// What is wrong, how to see it, what to do; or why it is closed
    #[arg(long, value_name = "TEXT", required_unless_present = "amend")]
    pub(crate) text: Option<String>,
    /// The first affected version
    #[arg(long, value_name = "VERSION", conflicts_with = "close")]
    pub(crate) introduced: Option<Version>,
    /// The last affected version
    #[arg(long, value_name = "VERSION", requires = "introduced")]
    pub(crate) last_affected: Option<Version>,
    /// The first version that is not affected any more
    #[arg(long, value_name = "VERSION", requires = "introduced")]
    pub(crate) fixed_in: Option<Version>,
    /// Change your advisory of this number; what is not given stays as it was
    #[arg(long, value_name = "N", conflicts_with = "close")]
    pub(crate) amend: Option<u64>,
    /// Close your advisory of this number
    #[arg(long, value_name = "N")]
    pub(crate) close: Option<u64>,
    /// The key to sign with: its name, or the path of its file
    #[arg(long, value_name = "NAME|FILE", default_value = "default")]
    pub(crate) key: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SeverityArg {
    /// Good to know
    Low,
    /// Some users get worse answers
    Moderate,
    /// Most users get worse answers, or some get wrong ones that matter
    High,
    /// Do not use it
    Critical,
}

impl From<SeverityArg> for Severity {
    fn from(severity: SeverityArg) -> Self {
        match severity {
            SeverityArg::Low => Self::Low,
            SeverityArg::Moderate => Self::Moderate,
            SeverityArg::High => Self::High,
            SeverityArg::Critical => Self::Critical,
        }
    }
}

/// `hub disown`
#[derive(Debug, Args)]
#[command(after_help = "\
Puts a warning, signed with another key of yours or with the lost one, into the log, at once and for
everybody. What makes later signatures of the key worthless is the trust root, where its range ends
at the same index: statements logged before stay valid.

Examples:
  hub disown 34750f98bd59fcfc946da45aaabe933be154a4b5094e1c4abf42866505f3c97e --from-index 1234 \\
    --reason \"a laptop was stolen\" --key second
  hub disown old.pub.pem --from-index 1234 --reason \"a laptop was stolen\"")]
pub(crate) struct DisownArgs {
    /// The key in wrong hands: its id, or the name or file of its public half
    #[arg(value_name = "KEY")]
    pub(crate) lost: String,
    /// The first index of the log at which it is not to be believed
    #[arg(long, value_name = "N")]
    pub(crate) from_index: u64,
    /// What happened
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// The key to sign with: its name, or the path of its file
    #[arg(long, value_name = "NAME|FILE", default_value = "default")]
    pub(crate) key: String,
}

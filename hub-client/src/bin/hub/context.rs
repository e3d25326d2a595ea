//! What a command has at hand: options over environment over the user's file.

use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Once;

use hub_client::config::{Folders, HubConfig, UserConfig};
use hub_client::files::{self, FileError};
use hub_client::head::HeadStore;
use hub_client::journal::Journal;
use hub_client::lockfile::LockFile;
use hub_client::log_view::{self, HubLog, LogView};
use hub_client::registry::Registry;
use hub_client::runtime::RuntimeOptions;
use hub_client::store::Store;
use hub_client::trust::{self, HubSource, Kept};
use hub_client::worker::{ProbeLimits, Worker};
use jiff::Timestamp;
use registry_schema::trust_root::TrustRoot;
use registry_schema::tuf::metadata::expiry;

use crate::args::GlobalArgs;
use crate::error::CommandError;
use crate::interrupt::Interrupt;
use crate::output::{Answer, Output};
use crate::report::Report;
use hub_client::causes::with_causes;

/// Longest token, with room for line ends.
const TOKEN_BYTES: u64 = 4096;

/// Longest answer to a question, with room for line ends.
const ANSWER_BYTES: u64 = 64;

/// Everything that commands share.
#[derive(Debug)]
pub(crate) struct Context {
    global: GlobalArgs,
    folders: Folders,
    config: UserConfig,
    output: Output,
    report: Report,
    interrupt: Interrupt,
    /// What is to be known of the lock file is told once.
    told_of_lock: Once,
}

impl Context {
    /// Reads the environment and the user's file.
    pub(crate) fn new(
        global: GlobalArgs,
        output: Output,
        report: Report,
        interrupt: Interrupt,
    ) -> Result<Self, CommandError> {
        let folders = Folders::from_environment(|name| std::env::var_os(name))?;
        let config = UserConfig::load(&folders)?;
        report.detail(&format!("settings: {}", folders.config_file().display()));
        Ok(Self {
            global,
            folders,
            config,
            output,
            report,
            interrupt,
            told_of_lock: Once::new(),
        })
    }

    /// Where things are.
    pub(crate) fn folders(&self) -> &Folders {
        &self.folders
    }

    /// The user's file.
    pub(crate) fn config(&self) -> &UserConfig {
        &self.config
    }

    /// Where remarks go.
    pub(crate) fn report(&self) -> &Report {
        &self.report
    }

    /// Whether the user has asked to stop.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Fails when the user has asked to stop: to be asked before something is written.
    pub(crate) fn check_interrupt(&self) -> Result<(), CommandError> {
        if self.interrupt.is_set() {
            Err(CommandError::Interrupted)
        } else {
            Ok(())
        }
    }

    /// Whether there is somebody to ask.
    pub(crate) fn can_ask(&self) -> bool {
        !self.output.is_json() && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks a question that `y` or `yes` agrees to.
    pub(crate) fn agrees(&self, question: &str) -> Result<bool, CommandError> {
        self.report.question(&format!("{question} [y/N]"));
        let mut answer = String::new();
        let limited = io::stdin().lock().take(ANSWER_BYTES);
        BufReader::new(limited)
            .read_line(&mut answer)
            .map_err(CommandError::Input)?;
        self.check_interrupt()?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Prints a command's answer.
    pub(crate) fn show(&self, answer: &impl Answer) -> Result<(), CommandError> {
        self.output.show(answer)
    }

    /// Where data goes.
    pub(crate) fn output(&self) -> &Output {
        &self.output
    }

    /// Whether no connection may be opened.
    pub(crate) fn is_offline(&self) -> bool {
        self.global.offline
    }

    /// The hub that is meant, when there is one.
    ///
    /// The token and the certificate of the user's file belong to the hub they were given for: they
    /// are not used for another address.
    pub(crate) fn hub(&self) -> Result<Option<HubConfig>, CommandError> {
        let stored = self.config.hub.clone();
        let mut hub = match (&self.global.hub, stored) {
            (None, None) => return Ok(None),
            (None, Some(stored)) => stored,
            (Some(url), Some(stored)) if same_url(url, &stored.url) => stored,
            (Some(url), _) => HubConfig {
                url: url.clone(),
                token: None,
                certificate: None,
                client_certificate: None,
            },
        };
        if let Some(token) = token_of_environment()? {
            hub.token = Some(token);
        }
        Ok(Some(hub))
    }

    /// A connection to the hub, for the command named.
    pub(crate) fn registry(&self, command: &'static str) -> Result<Registry, CommandError> {
        if self.is_offline() {
            return Err(CommandError::Offline { command });
        }
        let hub = self.hub()?.ok_or(CommandError::NoHub)?;
        self.refuse_known_liar()?;
        self.report.detail(&format!("hub: {}", hub.url));
        Ok(Registry::new(&hub)?)
    }

    /// No command speaks with a hub whose log has shown two histories to this machine.
    fn refuse_known_liar(&self) -> Result<(), CommandError> {
        // Without a trust root there is no log that was ever believed.
        let Ok(kept) = trust::kept(&self.folders) else {
            return Ok(());
        };
        Ok(log_view::check_trusted(
            &self.folders,
            kept.root.log_policy(),
        )?)
    }

    /// The time as of which a trust root is verified: now, or what `--as-of` says, in plain sight.
    pub(crate) fn as_of(&self) -> Timestamp {
        match self.global.as_of {
            Some(as_of) => {
                self.report.warn(&format!(
                    "the trust root is verified as of {as_of}, as --as-of says, not as of now"
                ));
                as_of
            }
            None => expiry(Timestamp::now(), 0),
        }
    }

    /// The trust root that is kept here, for what is installed and for work without a network.
    pub(crate) fn kept_trust(&self) -> Result<Kept, CommandError> {
        let kept = trust::kept(&self.folders)?;
        self.report.detail(&format!(
            "trust root: {}, as of {}",
            kept.root.version(),
            kept.as_of
        ));
        Ok(kept)
    }

    /// What every conversation with a hub begins with: the trust root is refreshed, and the log's newest
    /// checkpoint must continue the last one that this machine has seen.
    pub(crate) async fn contact(
        &self,
        registry: &Registry,
    ) -> Result<(Kept, LogView), CommandError> {
        let kept = self.refresh(registry).await?;
        let log = self.see_log(registry, &kept).await?;
        Ok((kept, log))
    }

    /// The same for what depends on the trust root alone. A log that lies is refused; one that is only
    /// stuck is not, because changing its witnesses is how that is repaired.
    pub(crate) async fn fresh_trust(&self, registry: &Registry) -> Result<Kept, CommandError> {
        let kept = self.refresh(registry).await?;
        match self.see_log(registry, &kept).await {
            Err(CommandError::LogView(error)) if error.is_lie() => return Err(error.into()),
            Err(error) => self
                .report
                .alert(&format!("the log was not checked: {}", with_causes(&error))),
            Ok(_) => {}
        }
        Ok(kept)
    }

    async fn refresh(&self, registry: &Registry) -> Result<Kept, CommandError> {
        let source = HubSource(registry.clone());
        let kept = Box::pin(trust::refresh(&self.folders, &source, self.as_of())).await?;
        self.report
            .detail(&format!("trust root: {}", kept.root.version()));
        Ok(kept)
    }

    /// The hub's log under the trust root that is kept.
    pub(crate) async fn see_log(
        &self,
        registry: &Registry,
        kept: &Kept,
    ) -> Result<LogView, CommandError> {
        let as_of = self.global.as_of.unwrap_or_else(Timestamp::now);
        let source = HubLog(registry.clone());
        let policy = kept.root.log_policy();
        let log = Box::pin(log_view::contact(&self.folders, policy, source, as_of)).await?;
        let size = log.checkpoint().checkpoint().size;
        self.report.detail(&format!("log: {size} entries"));
        Ok(log)
    }

    /// The installed releases.
    pub(crate) fn store(&self) -> Store {
        Store::new(self.folders.store())
    }

    /// What was signed on this machine.
    pub(crate) fn journal(&self) -> Journal {
        Journal::of(&self.folders)
    }

    /// The trained heads.
    pub(crate) fn heads(&self) -> HeadStore {
        HeadStore::new(&self.folders.data)
    }

    /// The lock file of the project around the current folder.
    pub(crate) fn lock_file(&self) -> Result<LockFile, CommandError> {
        let here = std::env::current_dir()
            .map_err(|source| FileError::new("cannot find the current folder", ".", source))?;
        let lock = LockFile::find(&here, std::env::home_dir().as_deref())?;
        self.told_of_lock.call_once(|| {
            if let Some(path) = lock.passed_over() {
                self.report.alert(&format!(
                    "`{}` is passed over: it is another user's, in a folder where everybody may write",
                    path.display()
                ));
            }
            let path = lock.path().display();
            self.report.detail(&format!("lock file: {path}"));
        });
        Ok(lock)
    }

    /// Threads for what is computed here.
    pub(crate) fn threads(&self) -> NonZeroUsize {
        let asked = self.global.threads;
        asked
            .or_else(|| self.config.threads.and_then(NonZeroUsize::new))
            .or_else(|| std::thread::available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN)
    }

    /// Runs extractors, confined, in a process of their own that Ctrl-C ends.
    pub(crate) fn worker(&self) -> Result<Worker, CommandError> {
        let limits = ProbeLimits {
            seconds: number("HUB_PROBE_SECONDS")?,
            memory_bytes: number("HUB_PROBE_MIB")?.map(|mib| mib.saturating_mul(1 << 20)),
        };
        let options = RuntimeOptions {
            threads: self
                .global
                .threads
                .or_else(|| self.config.threads.and_then(NonZeroUsize::new)),
            home: Some(self.folders.data.clone()),
            ..RuntimeOptions::default()
        };
        let report = self.report;
        Ok(Worker::new(options)
            .with_probe_limits(limits)
            .stopped_by(self.interrupt.flag().clone())
            .warning_by(move |confinement| {
                let gaps = confinement.gaps().join(", ");
                report.alert(&format!(
                    "the extractor is not fully confined: {gaps}; `hub doctor` says more"
                ));
            }))
    }
}

/// A bound given by the environment.
fn number(name: &'static str) -> Result<Option<u64>, CommandError> {
    let parse = |found: String| match found.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err(CommandError::Number { name, found }),
    };
    variable(name).map(parse).transpose()
}

/// A variable of the environment, when it is text.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `HUB_TOKEN`, or the content of the file `HUB_TOKEN_FILE` names.
pub(crate) fn token_of_environment() -> Result<Option<String>, CommandError> {
    if let Some(token) = variable("HUB_TOKEN") {
        return Ok(Some(token));
    }
    variable("HUB_TOKEN_FILE")
        .map(|path| token_of_file(&PathBuf::from(path)))
        .transpose()
}

/// The token in a file.
pub(crate) fn token_of_file(path: &Path) -> Result<String, CommandError> {
    let bytes = files::read_limited(path, TOKEN_BYTES)?;
    token_of_text(&String::from_utf8_lossy(&bytes)).ok_or(CommandError::NoToken)
}

/// The token that a reader holds; `None` when it is empty.
pub(crate) fn token_of_reader(reader: impl Read) -> Result<Option<String>, CommandError> {
    let mut text = String::new();
    reader
        .take(TOKEN_BYTES)
        .read_to_string(&mut text)
        .map_err(CommandError::Input)?;
    Ok(token_of_text(&text))
}

fn token_of_text(text: &str) -> Option<String> {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .map(str::to_owned)
}

fn same_url(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_token_is_the_first_line_that_says_something() {
        assert_eq!(
            token_of_reader(&b"\n  hub_abc \nrest"[..])
                .unwrap()
                .as_deref(),
            Some("hub_abc")
        );
        assert_eq!(token_of_reader(&b"\n \n"[..]).unwrap(), None);
        assert!(same_url("https://h/", "https://h"));
    }
}

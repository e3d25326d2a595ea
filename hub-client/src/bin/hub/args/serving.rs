//! Heads over HTTP.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use hub_client::head::HeadName;

/// `hub serve`
#[derive(Debug, Args)]
#[command(after_help = "\
Answers as `hub predict` does, to the last bit, by the Open Inference Protocol, version 2 (REST),
with the binary tensor extension. The input is `image`: encoded pictures. The outputs are
`label`, `state` (answered, unsure, unlike), `probabilities`, `plausible`, `distance` and `classes`.
Pictures that come together are embedded together, in a confined process; heads that share an
extractor share it. /metrics is for Prometheus. docs/HEADS.md says more.

THERE IS NO AUTHENTICATION AND NO TLS: whoever reaches the address is answered. Keep it on this
machine behind a proxy that does both. Nothing is sent anywhere, and no picture is kept.

SIGTERM and Ctrl-C let requests under way finish. SIGHUP takes the newest version of each head that
is named without one; until it is loaded the version before answers.

Examples:
  hub serve border-check
  hub serve border-check border-check@3 stamps --listen 127.0.0.1:8501
  hub serve border-check --listen 0.0.0.0:8500 --allow-remote --host heads.example.org
  curl -H 'Inference-Header-Content-Length: 0' -H 'Accept: application/json' --data-binary @scan.jpg \\
    http://127.0.0.1:8500/v2/models/border-check/infer")]
pub(crate) struct ServeArgs {
    /// The heads: the newest version of each, or HEAD@3 the third for good
    #[arg(value_name = "HEAD", required = true)]
    pub(crate) heads: Vec<HeadAt>,
    /// Address and port to listen at; port 0 takes a free one and prints it
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8500")]
    pub(crate) listen: SocketAddr,
    /// Listen where others than this machine can ask: there is no authentication
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// A name by which a proxy asks, besides addresses and localhost; repeatable
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
    /// Most pictures that are embedded together
    #[arg(long, value_name = "N", default_value = "32")]
    pub(crate) max_batch: NonZeroUsize,
    /// How long a picture waits for others to be embedded with; less than --timeout-seconds
    #[arg(long, value_name = "MS", default_value_t = 5)]
    pub(crate) max_wait_ms: u32,
    /// Most pictures that wait for an extractor; more get status 503
    #[arg(long, value_name = "N", default_value = "256")]
    pub(crate) max_queue: NonZeroUsize,
    /// Largest request and answer, at most 1024; eight of this size may be in memory at once
    #[arg(long, value_name = "MIB", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) max_request_mib: u32,
    /// Time for a request, and for the embedding of the next picture
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) timeout_seconds: u32,
    /// Time that requests under way get when the service stops
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) shutdown_seconds: u32,
}

impl ServeArgs {
    /// Time that requests under way get.
    pub(crate) fn shutdown(&self) -> Duration {
        Duration::from_secs(self.shutdown_seconds.into())
    }
}

/// A head, and which version of it: the newest when none is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeadAt {
    pub(crate) name: HeadName,
    pub(crate) version: Option<u32>,
}

impl FromStr for HeadAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, version) = match text.split_once('@') {
            None => (text, None),
            Some((name, version)) => {
                let version = version.parse().map_err(|_| {
                    format!("`{version}` is no version of a head: a number such as 3")
                })?;
                (name, Some(version))
            }
        };
        let name = name
            .parse()
            .map_err(|error: hub_client::head::HeadError| error.to_string())?;
        Ok(Self { name, version })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_head_may_have_a_version() {
        let parse = |text: &str| text.parse::<HeadAt>();
        assert_eq!(parse("border-check").unwrap().version, None);
        assert_eq!(parse("border-check@3").unwrap().version, Some(3));
        for wrong in ["border-check@", "border-check@new", "Border", "@3"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}

//! What is counted, as OpenMetrics text for Prometheus: requests as they are answered, and what the
//! hub is like when it is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use registry_schema::log::policy::{Policy, WitnessedCheckpoint};

use crate::app::Hub;
use crate::cause::chain;
use crate::database::uploads;
use crate::tls::{Certificate, ClientVerifier};

/// Media type of what [`Metrics::text`] writes.
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What all names begin with.
const PREFIX: &str = "hub_server";

/// Seconds: an answer from memory takes one of the first, a publish that waits for witnesses one of
/// the last.
const SECONDS: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
    method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LogLabels {
    log: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WitnessLabels {
    witness: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

/// All that is counted.
#[derive(Default)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Durations,
    received: Counter,
    sent: Counter,
    publishes: Counter,
    log_entries: Gauge,
    published_entries: Gauge,
    checkpoint_age: Family<LogLabels, Gauge<f64, AtomicU64>>,
    witness_late: Family<WitnessLabels, Gauge>,
    open_uploads: Gauge,
    database_up: Gauge,
    database_connections: Family<StateLabels, Gauge>,
    certificate: Option<Arc<Certificate>>,
    certificate_end: Gauge,
    certificate_changes: Family<StateLabels, Counter>,
    certificate_stale: Gauge,
    clients: Option<Arc<ClientVerifier>>,
    crl_next_update: Gauge,
    crl_stale: Gauge,
    journal_lost: Option<Arc<AtomicU64>>,
    lost_entries: Counter,
}

struct Durations(Family<RouteLabels, Histogram, fn() -> Histogram>);

impl Default for Durations {
    fn default() -> Self {
        Self(Family::new_with_constructor(|| Histogram::new(SECONDS)))
    }
}

impl Metrics {
    /// Of a server with a certificate, with clients that may have some, and with a journal that counts what it loses.
    pub(crate) fn new(
        certificate: Option<Arc<Certificate>>,
        clients: Option<Arc<ClientVerifier>>,
        journal_lost: Option<Arc<AtomicU64>>,
    ) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix(PREFIX),
            certificate,
            clients: clients.filter(|clients| clients.has_lists()),
            journal_lost,
            ..Self::default()
        };
        metrics.register_traffic();
        metrics.register_state();
        if metrics.certificate.is_some() {
            metrics.register_certificate();
        }
        if metrics.clients.is_some() {
            metrics.register_lists();
        }
        metrics
    }

    fn register_traffic(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "requests",
            "Requests by route, method and HTTP status",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "Requests from their head to the head of the answer",
            Unit::Seconds,
            self.durations.0.clone(),
        );
        registry.register_with_unit(
            "received",
            "Bodies of requests, as far as they were read",
            Unit::Bytes,
            self.received.clone(),
        );
        registry.register_with_unit(
            "sent",
            "Bodies of answers, as far as they were sent",
            Unit::Bytes,
            self.sent.clone(),
        );
        registry.register(
            "publishes",
            "Releases that were recorded since the server started",
            self.publishes.clone(),
        );
    }

    fn register_state(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "log_entries",
            "Entries of the log",
            self.log_entries.clone(),
        );
        registry.register(
            "published_entries",
            "Entries that the published checkpoint covers",
            self.published_entries.clone(),
        );
        registry.register_with_unit(
            "checkpoint_age",
            "Time since a quorum of witnesses last saw the published checkpoint; absent without witnesses",
            Unit::Seconds,
            self.checkpoint_age.clone(),
        );
        registry.register(
            "witness_late",
            "1 when the published checkpoint has no cosignature of the witness",
            self.witness_late.clone(),
        );
        registry.register(
            "open_uploads",
            "Uploads that were begun and not finished",
            self.open_uploads.clone(),
        );
        registry.register(
            "journal_lost_entries",
            "Entries of the access journal that could not be written",
            self.lost_entries.clone(),
        );
        registry.register(
            "database_up",
            "1 when the database answers",
            self.database_up.clone(),
        );
        registry.register(
            "database_connections",
            "Connections to the database: busy, idle",
            self.database_connections.clone(),
        );
    }

    fn register_certificate(&mut self) {
        let registry = &mut self.registry;
        registry.register_with_unit(
            "certificate_end_timestamp",
            "When the certificate in use ends, since 1970",
            Unit::Seconds,
            self.certificate_end.clone(),
        );
        registry.register(
            "certificate_changes",
            "New certificates since the server started: taken, refused",
            self.certificate_changes.clone(),
        );
        registry.register(
            "certificate_stale",
            "1 when the certificate's files hold one that was refused",
            self.certificate_stale.clone(),
        );
    }

    fn register_lists(&mut self) {
        let registry = &mut self.registry;
        registry.register_with_unit(
            "client_crl_next_update_timestamp",
            "When the lists of revoked certificates should be replaced, since 1970; 0 when they do not say",
            Unit::Seconds,
            self.crl_next_update.clone(),
        );
        registry.register(
            "client_crl_stale",
            "1 when the file of lists of revoked certificates holds what was refused",
            self.crl_stale.clone(),
        );
    }

    fn look_at_lists(&self) {
        let Some(clients) = &self.clients else { return };
        let next = clients.next_update().map_or(0, Timestamp::as_second);
        self.crl_next_update.set(next);
        self.crl_stale.set(i64::from(clients.changes().is_stale));
    }

    fn look_at_certificate(&self) {
        let Some(certificate) = &self.certificate else {
            return;
        };
        let (until, changes) = (certificate.current().until, certificate.changes());
        self.certificate_end.set(until.as_second());
        self.certificate_stale.set(i64::from(changes.is_stale));
        for (state, count) in [("taken", changes.taken), ("refused", changes.refused)] {
            let counter = self
                .certificate_changes
                .get_or_create(&StateLabels { state });
            // Looks do not come one after another: what another one has counted is not counted again.
            counter.inner().fetch_max(count, Ordering::Relaxed);
        }
    }

    /// Until when the certificate in use is good; `None` in plain HTTP.
    pub(crate) fn certificate_end(&self) -> Option<Timestamp> {
        let certificate = self.certificate.as_ref()?;
        Some(certificate.current().until)
    }

    /// A request was answered. `route` and `method` are among few: each pair is a time series.
    pub(crate) fn answered(
        &self,
        route: String,
        method: &'static str,
        code: u16,
        duration: Duration,
    ) {
        let labels = RouteLabels { route, method };
        let seconds = duration.as_secs_f64();
        self.durations.0.get_or_create(&labels).observe(seconds);
        let RouteLabels { route, method } = labels;
        let labels = RequestLabels {
            route,
            method,
            code,
        };
        self.requests.get_or_create(&labels).inc();
    }

    /// A release was recorded.
    pub(crate) fn published(&self) {
        self.publishes.inc();
    }

    /// Bytes of requests' bodies; counts on.
    pub(crate) fn received(&self) -> &Counter {
        &self.received
    }

    /// Bytes of answers' bodies; counts on.
    pub(crate) fn sent(&self) -> &Counter {
        &self.sent
    }

    /// All of it as text, with the hub as it is now. Waits for the database.
    pub(crate) fn text(&self, hub: &Hub) -> String {
        self.look(hub);
        let mut text = String::new();
        // Writing into a string does not fail.
        let _: std::fmt::Result = encode(&mut text, &self.registry);
        text
    }

    fn look(&self, hub: &Hub) {
        self.look_at_certificate();
        self.look_at_lists();
        if let Some(lost) = &self.journal_lost {
            let lost = lost.load(Ordering::Relaxed);
            self.lost_entries.inner().fetch_max(lost, Ordering::Relaxed);
        }
        self.log_entries
            .set(to_gauge(hub.log.head().checkpoint.size));
        self.published_entries
            .set(to_gauge(hub.log.published_size()));
        let published = hub.log.published();
        let policy = hub.log.policy();
        // What was published under an earlier policy may not count under this one.
        let witnessed = published.and_then(|head| policy.check(&head.note).ok());
        self.look_at_witnesses(&policy, witnessed.as_ref(), Timestamp::now());
        let (busy, idle) = hub.database.connections();
        for (state, count) in [("busy", busy), ("idle", idle)] {
            let gauge = self
                .database_connections
                .get_or_create(&StateLabels { state });
            gauge.set(i64::from(count));
        }
        match hub.database.with(uploads::count) {
            Ok(count) => {
                self.open_uploads.set(count);
                self.database_up.set(1);
            }
            Err(error) => {
                tracing::warn!(error = chain(&error), "the database does not answer");
                self.database_up.set(0);
            }
        }
    }

    fn look_at_witnesses(
        &self,
        policy: &Policy,
        witnessed: Option<&WitnessedCheckpoint>,
        now: Timestamp,
    ) {
        // Others may have been in the policy before.
        self.checkpoint_age.clear();
        self.witness_late.clear();
        let cosigned = witnessed.map_or(&[][..], WitnessedCheckpoint::cosigned);
        for witness in policy.witnesses() {
            let witness = witness.name.clone();
            let is_late = !cosigned.iter().any(|(name, _)| *name == witness);
            let labels = WitnessLabels { witness };
            self.witness_late
                .get_or_create(&labels)
                .set(i64::from(is_late));
        }
        let seen = witnessed.and_then(|seen| Some((seen.checkpoint(), seen.witnessed_at()?)));
        if let Some((checkpoint, at)) = seen {
            let log = checkpoint.origin.to_string();
            let age = now.as_second().saturating_sub_unsigned(at);
            let gauge = self.checkpoint_age.get_or_create(&LogLabels { log });
            gauge.set(age as f64);
        }
    }
}

fn to_gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let metrics = Metrics::new(None, None, None);
        let route = || "/api/v1/extractors".to_owned();
        metrics.answered(route(), "GET", 200, Duration::from_millis(3));
        metrics.answered(route(), "GET", 404, Duration::from_millis(3));
        metrics.received().inc_by(7);
        metrics.sent().inc_by(9);
        metrics.published();
        let mut text = String::new();
        let written: std::fmt::Result = encode(&mut text, &metrics.registry);
        assert_eq!(written, Ok(()));
        for line in [
            "# TYPE hub_server_requests counter",
            "hub_server_requests_total{route=\"/api/v1/extractors\",method=\"GET\",code=\"404\"} 1",
            "# UNIT hub_server_request_duration_seconds seconds",
            "hub_server_request_duration_seconds_bucket{le=\"0.005\",route=\"/api/v1/extractors\",method=\"GET\"} 2",
            "hub_server_received_bytes_total 7",
            "hub_server_sent_bytes_total 9",
            "hub_server_publishes_total 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}

//! What is counted, as OpenMetrics text for Prometheus.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::answers::{Said, State};
use super::catalogue::{Catalogue, Served};
use crate::head::Head;

/// Media type of what [`Metrics::text`] writes.
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What all names begin with.
const PREFIX: &str = "hub_serve";

/// Heads with more classes are not counted by class: each would be a time series.
const CLASSES: usize = 200;

/// Seconds.
const SECONDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Pictures.
const SIZES: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HeadLabels {
    head: String,
    version: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    head: String,
    version: String,
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    head: String,
    version: u32,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabels {
    head: String,
    version: u32,
    class: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ExtractorLabels {
    extractor: String,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;
type Ratio = Gauge<f64, AtomicU64>;

/// All that is counted.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_duration: Histograms<HeadLabels>,
    queue_duration: Histograms<ExtractorLabels>,
    embed_duration: Histograms<ExtractorLabels>,
    batch_pictures: Histograms<ExtractorLabels>,
    queue_length: Family<ExtractorLabels, Gauge>,
    restarts: Family<ExtractorLabels, Counter>,
    ready: Family<ExtractorLabels, Gauge>,
    pictures: Family<StateLabels, Counter>,
    answers: Family<ClassLabels, Counter>,
    drift: Family<HeadLabels, Ratio>,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let durations = || Histogram::new(SECONDS);
        let mut metrics = Self {
            registry: Registry::with_prefix(PREFIX),
            requests: Family::default(),
            request_duration: Family::new_with_constructor(durations),
            queue_duration: Family::new_with_constructor(durations),
            embed_duration: Family::new_with_constructor(durations),
            batch_pictures: Family::new_with_constructor(|| Histogram::new(SIZES)),
            queue_length: Family::default(),
            restarts: Family::default(),
            ready: Family::default(),
            pictures: Family::default(),
            answers: Family::default(),
            drift: Family::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let Self {
            registry,
            requests,
            request_duration,
            queue_duration,
            embed_duration,
            batch_pictures,
            queue_length,
            restarts,
            ready,
            pictures,
            answers,
            drift,
        } = self;
        registry.register(
            "requests",
            "Inference requests by head, version and HTTP status",
            requests.clone(),
        );
        let mut timed = |name: &str, help: &str, metric| {
            registry.register_with_unit(name, help, Unit::Seconds, metric);
        };
        timed(
            "queue_duration",
            "Wait of a picture before it is embedded",
            queue_duration.clone(),
        );
        timed(
            "embed_duration",
            "Embedding of one batch",
            embed_duration.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "Inference requests that were answered, from their first byte",
            Unit::Seconds,
            request_duration.clone(),
        );
        registry.register(
            "batch_pictures",
            "Pictures that were embedded together",
            batch_pictures.clone(),
        );
        registry.register(
            "queue_length",
            "Pictures that wait for an extractor",
            queue_length.clone(),
        );
        registry.register(
            "worker_restarts",
            "How often the process that runs an extractor was started again",
            restarts.clone(),
        );
        registry.register(
            "extractor_ready",
            "1 when an extractor is loaded and its probes were run",
            ready.clone(),
        );
        registry.register(
            "pictures",
            "Pictures by what was said of them: answered, unsure, unlike",
            pictures.clone(),
        );
        registry.register(
            "answers",
            "Answers by class; of heads with at most 200 classes",
            answers.clone(),
        );
        registry.register(
            "drift",
            "Mean distance of the last pictures from the labelled ones, as a multiple of that between labelled ones",
            drift.clone(),
        );
    }

    /// A request to a head was answered with a status.
    pub(super) fn answered(&self, served: Option<&Served>, code: u16, duration: Duration) {
        let labels = served.map(labels_of);
        let labels_of_request = labels.as_ref().map_or_else(
            // Names that anybody may make up are no labels.
            || (String::new(), String::new()),
            |labels| (labels.head.clone(), labels.version.to_string()),
        );
        let (head, version) = labels_of_request;
        let request = RequestLabels {
            head,
            version,
            code,
        };
        self.requests.get_or_create(&request).inc();
        if let (Some(labels), 200) = (labels, code) {
            let histogram = self.request_duration.get_or_create(&labels);
            histogram.observe(duration.as_secs_f64());
        }
    }

    /// A picture has waited.
    pub(super) fn waited(&self, extractor: &str, duration: Duration) {
        let histogram = self.queue_duration.get_or_create(&of(extractor));
        histogram.observe(duration.as_secs_f64());
    }

    /// A batch was embedded.
    pub(super) fn embedded(&self, extractor: &str, pictures: usize, duration: Duration) {
        let labels = of(extractor);
        let histogram = self.embed_duration.get_or_create(&labels);
        histogram.observe(duration.as_secs_f64());
        let histogram = self.batch_pictures.get_or_create(&labels);
        histogram.observe(pictures as f64);
    }

    /// A worker is started again.
    pub(super) fn restarted(&self, extractor: &str) {
        self.restarts.get_or_create(&of(extractor)).inc();
    }

    /// Something was said of pictures.
    pub(super) fn said(&self, served: &Served, said: &[Said]) {
        let HeadLabels { head, version } = labels_of(served);
        let classes = served.head.classes();
        let mut drift = served
            .drift
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for one in said {
            let state = one.state.as_str();
            let labels = StateLabels {
                head: head.clone(),
                version,
                state,
            };
            self.pictures.get_or_create(&labels).inc();
            if one.state == State::Answered && is_counted(&served.head) {
                let class = classes[one.class].clone();
                let head = head.clone();
                let labels = ClassLabels {
                    head,
                    version,
                    class,
                };
                self.answers.get_or_create(&labels).inc();
            }
            if let Some(distance) = one.distance {
                drift.add(distance);
            }
        }
        if let Some(ratio) = drift.ratio() {
            let labels = HeadLabels { head, version };
            self.drift.get_or_create(&labels).set(ratio);
        }
    }

    /// Forgets the drift of heads that are not served any more, and begins to count those that are.
    pub(super) fn keep(&self, catalogue: &Catalogue) {
        self.drift.clear();
        self.ready.clear();
        self.queue_length.clear();
        for served in catalogue.all() {
            for state in [State::Answered, State::Unsure, State::Unlike] {
                let HeadLabels { head, version } = labels_of(served);
                let state = state.as_str();
                let labels = StateLabels {
                    head,
                    version,
                    state,
                };
                drop(self.pictures.get_or_create(&labels));
            }
            drop(self.restarts.get_or_create(&of(served.engine.name())));
            self.said(served, &[]);
        }
    }

    /// All of it as text.
    pub(super) fn text(&self, catalogue: &Catalogue) -> String {
        for engine in catalogue.engines() {
            let labels = of(engine.name());
            let waiting = i64::try_from(engine.waiting()).unwrap_or(i64::MAX);
            self.queue_length.get_or_create(&labels).set(waiting);
            let ready = i64::from(engine.is_ready());
            self.ready.get_or_create(&labels).set(ready);
        }
        let mut text = String::new();
        // Writing into a string does not fail.
        let _: std::fmt::Result = encode(&mut text, &self.registry);
        text
    }
}

fn is_counted(head: &Head) -> bool {
    head.classes().len() <= CLASSES
}

fn labels_of(served: &Served) -> HeadLabels {
    HeadLabels {
        head: served.head.name().to_string(),
        version: served.version,
    }
}

fn of(extractor: &str) -> ExtractorLabels {
    let extractor = extractor.to_owned();
    ExtractorLabels { extractor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let metrics = Metrics::new();
        metrics.answered(None, 404, Duration::ZERO);
        metrics.waited("dots@1.0.0", Duration::from_millis(3));
        metrics.embedded("dots@1.0.0", 3, Duration::from_millis(30));
        metrics.restarted("dots@1.0.0");
        let text = metrics.text(&Catalogue::default());
        for line in [
            "# TYPE hub_serve_requests counter",
            "hub_serve_requests_total{head=\"\",version=\"\",code=\"404\"} 1",
            "# UNIT hub_serve_queue_duration_seconds seconds",
            "hub_serve_queue_duration_seconds_bucket{le=\"0.005\",extractor=\"dots@1.0.0\"} 1",
            "hub_serve_batch_pictures_bucket{le=\"4.0\",extractor=\"dots@1.0.0\"} 1",
            "hub_serve_batch_pictures_sum{extractor=\"dots@1.0.0\"} 3.0",
            "hub_serve_worker_restarts_total{extractor=\"dots@1.0.0\"} 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}

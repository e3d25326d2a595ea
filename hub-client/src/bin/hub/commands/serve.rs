//! `hub serve`

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hub_client::causes::with_causes;
use hub_client::head::HeadError;
use hub_client::serve::{Offer, Service, Settings, Told};
use registry_schema::reference::Reference;
use serde::Serialize;

use super::chosen::Chosen;
use crate::app::Outcome;
use crate::args::{HeadAt, ServeArgs};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list};

#[derive(Serialize)]
struct ServingView {
    url: String,
    heads: Vec<ServedView>,
}

#[derive(Serialize)]
struct ServedView {
    head: String,
    version: u32,
    extractor: Reference,
}

pub(super) async fn serve(args: ServeArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. the heads and what they run on, before anything is served
    let heads = Heads::open(&args.heads, context)?;
    let report = *context.report();
    let log = move |told: Told<'_>| match told {
        Told::Request(line) => report.note(line),
        Told::Trouble(line) => report.alert(line),
    };
    let service = Service::new(settings(&args), context.worker()?, log)?;
    // 2. served until SIGTERM; loaded meanwhile, and again at each SIGHUP
    let view = heads.views();
    let mut shown = Ok(());
    let ready = |address| {
        shown = context.show(&ServingView {
            url: format!("http://{address}"),
            heads: view,
        });
    };
    let stop = context.interrupt().past(Duration::ZERO);
    tokio::select! {
        served = service.serve(ready, stop) => served?,
        failed = keep(&service, heads, &args.heads, context) => failed?,
    }
    shown?;
    Ok(Outcome::Done)
}

/// Loads the heads, then what is newest whenever that is asked for. Ends when the first cannot be loaded.
async fn keep(
    service: &Service,
    heads: Heads,
    named: &[HeadAt],
    context: &Context,
) -> Result<(), CommandError> {
    let report = context.report();
    let mut hang_ups = HangUps::listen();
    service.load(heads.offers.clone()).await?;
    report.note(&format!("ready: {}", heads.names()));
    let mut in_use = heads.chosen;
    loop {
        hang_ups.next().await;
        let newer = match Heads::open(named, context) {
            Ok(newer) => newer,
            Err(error) => {
                report.alert(&unchanged(&error));
                continue;
            }
        };
        match service.load(newer.offers.clone()).await {
            Ok(()) => {
                report.note(&format!("taken anew: {}", newer.names()));
                // What the heads before ran on may be removed now.
                drop(std::mem::replace(&mut in_use, newer.chosen));
            }
            Err(error) => report.alert(&unchanged(&error)),
        }
    }
}

fn unchanged(error: &dyn std::error::Error) -> String {
    let error = with_causes(error);
    format!("the heads before are still served: {error}")
}

/// Heads that were found, and the releases they run on, which nobody removes meanwhile.
struct Heads {
    offers: Vec<Offer>,
    chosen: Vec<Chosen>,
}

impl Heads {
    fn open(named: &[HeadAt], context: &Context) -> Result<Self, CommandError> {
        let store = context.heads();
        let (mut offers, mut chosen) = (Vec::new(), Vec::new());
        for HeadAt { name, version } in named {
            let newest = || {
                store
                    .versions(name)
                    .map(|versions| versions.last().copied())
            };
            let version = match version {
                Some(version) => *version,
                None => newest()?.ok_or_else(|| HeadError::NotFound {
                    name: name.to_string(),
                    version: None,
                })?,
            };
            let head = store.load(name, Some(version))?;
            let found = Chosen::for_head(&head, None, context)?;
            offers.push(Offer {
                version,
                head,
                installed: Arc::new(found.installed.clone()),
            });
            chosen.push(found);
        }
        Ok(Self { offers, chosen })
    }

    fn views(&self) -> Vec<ServedView> {
        let all = self.offers.iter().zip(&self.chosen);
        all.map(|(offer, chosen)| ServedView {
            head: offer.head.name().to_string(),
            version: offer.version,
            extractor: chosen.reference(),
        })
        .collect()
    }

    fn names(&self) -> String {
        list(self.views().iter().map(ServedView::name))
    }
}

impl ServedView {
    fn name(&self) -> String {
        format!("{} version {}", self.head, self.version)
    }
}

fn settings(args: &ServeArgs) -> Settings {
    let request_mib = usize::try_from(args.max_request_mib).unwrap_or(usize::MAX);
    Settings {
        listen: args.listen,
        allow_remote: args.allow_remote,
        hosts: args.hosts.clone(),
        max_batch: args.max_batch,
        max_wait: Duration::from_millis(args.max_wait_ms.into()),
        max_queue: args.max_queue,
        request_bytes: request_mib.saturating_mul(1 << 20),
        timeout: Duration::from_secs(args.timeout_seconds.into()),
        shutdown: args.shutdown(),
    }
}

/// SIGHUP, where there is such a thing.
struct HangUps {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl HangUps {
    #[cfg(unix)]
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let signal = signal(SignalKind::hangup()).ok();
        Self { signal }
    }

    #[cfg(not(unix))]
    fn listen() -> Self {
        Self {}
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal {
            signal.recv().await;
            return;
        }
        std::future::pending::<()>().await;
    }
}

impl Answer for ServingView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.field("listening", &self.url)?;
        for one in &self.heads {
            page.field("head", format!("{}, by {}", one.name(), one.extractor))?;
        }
        Ok(())
    }
}

//! Pulls an extractor, verifies it, and prints the first features of each picture in a folder.
//!
//! ```text
//! cargo run --example pull_and_embed -- passport-extractor@2 ./pictures
//! ```
//!
//! Uses the hub and the trust root of `hub login` and `hub trust`.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;
use std::sync::atomic::AtomicBool;

use hub_client::config::{Folders, UserConfig};
use hub_client::dataset::ImageSet;
use hub_client::features::{Origin, embed_table};
use hub_client::pull::{ProbeCheck, PullRequest, pull};
use hub_client::registry::{Progress, Registry};
use hub_client::runtime::{Extractor, RuntimeOptions};
use hub_client::store::Store;
use hub_client::trust::{HubSource, refresh};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(reference), Some(pictures)) = (arguments.next(), arguments.next()) else {
        return Err("usage: pull_and_embed NAME@VERSION FOLDER".into());
    };
    let folders = Folders::from_environment(|name| std::env::var(name).ok())?;
    let hub = UserConfig::load(&folders)?
        .hub
        .ok_or("no hub yet: run `hub login`")?;
    let options = RuntimeOptions {
        home: Some(folders.data.clone()),
        ..RuntimeOptions::default()
    };

    let registry = Registry::new(&hub)?;
    let source = HubSource(registry.clone());
    let trust = refresh(&folders, &source, jiff::Timestamp::now()).await?;
    let request = PullRequest {
        reference: &reference.parse()?,
        statement: None,
        registry: &registry,
        trust_root: &trust.root,
        store: &Store::new(folders.store()),
        probes: &ProbeCheck::Run(options.clone()),
        progress: &Progress::silent(),
    };
    let pulled = pull(&request).await?;

    let mut extractor = Extractor::open(pulled.installed.extractor_files()?, options)?;
    let origin = Origin::of(pulled.installed.release());
    let images = ImageSet::walk(pictures.as_ref())?.not_empty()?;
    let embedded = embed_table(
        &mut extractor,
        &origin,
        &images.images,
        None,
        &AtomicBool::new(false),
        &mut |_| {},
    )?;
    for (name, row) in embedded
        .table
        .names
        .iter()
        .zip(embedded.table.features.rows())
    {
        let start: Vec<String> = row
            .iter()
            .take(4)
            .map(|value| format!("{value:.3}"))
            .collect();
        println!("{name}: [{}, … {} values]", start.join(", "), row.len());
    }
    Ok(())
}

//! Pulls an extractor, verifies it, and prints the first features of each picture in a folder.
//!
//! ```text
//! cargo run --example pull_and_embed -- passport-extractor@2 ./pictures
//! ```
//!
//! Uses the hub and the trust root of `hub login` and `hub trust`. The extractor runs in a process
//! of its own, which is this program again, confined.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use hub_client::config::{Folders, UserConfig};
use hub_client::dataset::ImageSet;
use hub_client::log_view::{HubLog, contact};
use hub_client::pull::{ProbeCheck, PullRequest, pull};
use hub_client::registry::{Progress, Registry};
use hub_client::runtime::RuntimeOptions;
use hub_client::store::Store;
use hub_client::trust::{HubSource, refresh};
use hub_client::worker::{Worker, serve_if_asked};
use registry_schema::reference::Reference;
use registry_schema::trust_root::TrustRoot;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    // Before anything else: when this process was started to run an extractor, it does that.
    if let Some(code) = serve_if_asked() {
        return Ok(code);
    }
    tokio::runtime::Runtime::new()?.block_on(pull_and_embed())?;
    Ok(ExitCode::SUCCESS)
}

async fn pull_and_embed() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(reference), Some(pictures)) = (arguments.next(), arguments.next()) else {
        return Err("usage: pull_and_embed NAME@VERSION FOLDER".into());
    };
    let folders = Folders::from_environment(|name| std::env::var_os(name))?;
    let hub = UserConfig::load(&folders)?
        .hub
        .ok_or("no hub yet: run `hub login`")?;
    let options = RuntimeOptions {
        home: Some(folders.data.clone()),
        ..RuntimeOptions::default()
    };
    let worker = Worker::new(options)
        .warning_by(|confinement| println!("not fully confined: {:?}", confinement.gaps()));

    let registry = Registry::new(&hub)?;
    let source = HubSource(registry.clone());
    let now = jiff::Timestamp::now();
    let trust = refresh(&folders, &source, now).await?;
    let source = HubLog(registry.clone());
    let log = contact(&folders, trust.root.log_policy(), source, now).await?;
    let reference: Reference = reference.parse()?;
    let request = PullRequest {
        reference: &reference,
        asked: &reference.requirement,
        statement: None,
        registry: &registry,
        trust_root: &trust.root,
        log: &log,
        store: &Store::new(folders.store()),
        probes: &ProbeCheck::Run(worker.clone()),
        progress: &Progress::silent(),
    };
    let pulled = pull(&request).await?;

    let images = ImageSet::walk(pictures.as_ref())?.not_empty()?.images;
    let paths: Vec<PathBuf> = images.iter().map(|image| image.path.clone()).collect();
    let files = pulled.installed.extractor_files()?;
    worker.embed(&files, &paths, None, |index, result| {
        let name = &images[index].name;
        match result {
            Ok(row) => {
                let start: Vec<String> = row
                    .features
                    .iter()
                    .take(4)
                    .map(|value| format!("{value:.3}"))
                    .collect();
                let count = row.features.len();
                println!("{name}: [{}, … {count} values]", start.join(", "));
            }
            Err(failure) => println!("{name}: {failure}"),
        }
        Ok::<_, Box<dyn Error>>(())
    })?;
    Ok(())
}

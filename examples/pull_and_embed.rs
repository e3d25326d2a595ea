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

use hub_client::Hub;
use hub_client::dataset::ImageSet;
use hub_client::worker::serve_if_asked;
use registry_schema::reference::Reference;

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
    let reference: Reference = reference.parse()?;
    let hub = Hub::from_environment()?;
    let pulled = hub.pull(&reference).await?;
    for warning in &pulled.advisories {
        println!("a member warns: {}", warning.statement().title);
    }

    let images = ImageSet::walk(pictures.as_ref())?.not_empty()?.images;
    let paths: Vec<PathBuf> = images.iter().map(|image| image.path.clone()).collect();
    hub.embed(&pulled.installed, &paths, |index, row| {
        let name = &images[index].name;
        match row {
            Ok(row) => println!(
                "{name}: {:?} … {} values",
                &row.features[..4.min(row.features.len())],
                row.features.len()
            ),
            Err(failure) => println!("{name}: {failure}"),
        }
        Ok::<_, Box<dyn Error>>(())
    })?;
    Ok(())
}

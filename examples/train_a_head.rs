//! Trains a private head on features and labels that are already in memory; no hub is needed.
//!
//! ```text
//! cargo run --example train_a_head
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;

use hub_client::head::{Examples, ExtractorRelease, Head, HeadIdentity, TrainingSettings};
use ndarray::Array2;
use registry_schema::digest::Digest;
use registry_schema::reference::FeatureSpace;

fn main() -> Result<(), Box<dyn Error>> {
    // Twenty images of two classes, as some extractor would see them: the third feature tells them apart.
    let labels: Vec<usize> = (0..20).map(|image| image % 2).collect();
    let features = Array2::from_shape_fn((20, 8), |(image, dimension)| {
        let noise = ((image * 7 + dimension * 13) % 10) as f32 / 10.0;
        if dimension == 2 {
            labels[image] as f32 + 0.3 * noise
        } else {
            noise
        }
    });
    let images: Vec<Digest> = (0..20_u8).map(|image| Digest::of(&[image])).collect();
    let classes = ["mountain".to_owned(), "beach".to_owned()];

    let (name, version) = ("holiday-extractor".parse()?, "1.0.0".parse()?);
    let space = FeatureSpace::of(&name, &version);
    let identity = HeadIdentity {
        name: "beach-or-mountain".parse()?,
        created_at: jiff::Timestamp::UNIX_EPOCH,
        extractor: ExtractorRelease {
            name,
            version,
            digest: Digest::of(b"the release's statement"),
        },
    };
    let examples = Examples {
        features: features.view(),
        images: &images,
        labels: &labels,
        classes: &classes,
    };
    let head = Head::train(identity, &examples, &TrainingSettings::default().check()?)?;

    let predictions = head.predict(features.view(), &space)?;
    let right = labels
        .iter()
        .enumerate()
        .filter(|&(row, &label)| predictions.best(row).index == label)
        .count();
    println!("{right} of {} training images right", labels.len());
    Ok(())
}
